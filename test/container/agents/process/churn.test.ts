/** K-01 and K-03 with real processes: what a control server's agents leave behind, with users of their own where this is root. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { agentStartedSchema, launchSchema, type AgentId, type IssuedToken, type Launch } from '#protocol';
import type { Spawn } from '../../../../container/agents/agent-process.ts';
import { agentId } from '../../../support/ids.ts';
import { TestControlServer, message, read, type HeldSession } from '../../support/control-server.ts';
import { collectGarbage, handles, heapBytes } from '../../weather/support/footprint.ts';
import { ProcessScene, agent } from './support/process-scene.ts';
import { UserScene, entriesBelow, isRoot, makeBase } from './support/user-scene.ts';

/** Starts, each with its stop. A thousand take a minute on a busy machine; `REEVE_CHURN=1000` asks for them. */
const STARTS = Number(process.env['REEVE_CHURN'] ?? 400);
/** Starts of one agent before it is retired: each life of an agent makes and removes a user. */
const STARTS_EACH = 4;
const TIMEOUT_MS = 60_000 + STARTS * 200;
/** What the test itself keeps: tokens that were minted, and waits. An incarnation that stays reachable costs far more. */
const HEAP_BOUND_BYTES = 2 * 1024 ** 2 + STARTS * 5 * 1024;

const SMALLEST: Launch = launchSchema.parse({
  command: '/bin/sh',
  args: [join(import.meta.dirname, '../programs/agent.sh')],
  credentials: 'file',
});

let base: string;
let scene: ProcessScene;
let control: TestControlServer;
let session: HeldSession;
/** Every process that was started, without keeping any. */
let started: WeakRef<object>[];
beforeEach(async () => {
  base = makeBase();
  scene = isRoot ? await UserScene.make({ diskBytes: 1024 ** 3 }, base) : new ProcessScene({ stateDir: base });
  const { registry, agents } = scene;
  started = [];
  const spawn: Spawn = async (launch, life) => {
    const process = await agents.spawn(launch, life);
    started.push(new WeakRef(process));
    return process;
  };
  control = await TestControlServer.make({ registry, spawn, forget: agents.forget });
  session = await control.session();
});
afterEach(async () => {
  const down = control.server.shutdown();
  await control.clock.advance(5_000);
  await down;
  await scene.end();
});

async function start(issued: IssuedToken, runtime: Launch): Promise<number> {
  const body = { inc: issued.inc, name: 'ada', role: 'worker', grant: issued, runtime };
  const answer = await control.push(session, 'POST', `/agents/${issued.agent}/start`, body);
  const { body: started } = await read(answer, agentStartedSchema);
  expect(started.outcome).toBe('started');
  return started.process_id;
}

/** The reply to a message that was delivered. */
async function reply(issued: IssuedToken, nth: number, content: string): Promise<unknown> {
  // The fake town takes a counter once, of whichever agent.
  control.town.counters.length = 0;
  const from = control.town.events.length;
  await control.deliver(session, issued, message(nth, content));
  const find = () => control.town.events.slice(from).find(({ type }) => type === 'turn.finished');
  // By hand: each failed look of `expect.poll` makes an error, whose trace costs what is measured here.
  const untilMs = performance.now() + 20_000;
  while (find() === undefined && performance.now() < untilMs) {
    await control.clock.advance(250);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const found = find();
  return found?.type === 'turn.finished' ? found.result : null;
}

/** Open descriptors by kind, so that one too many says what it is; without the homes that are being measured. */
function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, 'N')];
      } catch {
        return []; // That of this very look.
      }
    })
    .filter((kind) => !kind.endsWith('/home'))
    .toSorted();
}

/** Processes whose home lies in the state directory of this test. */
function processes(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${scene.stateDir}/`);
    } catch {
      return false; // It ended meanwhile.
    }
  });
}

/** One life of an agent: started and stopped in several ways, then retired. */
async function live(seed: number): Promise<void> {
  const id: AgentId = agentId(seed);
  for (let inc = 1; inc <= STARTS_EACH; inc += 1) {
    const issued = control.town.mint(id, inc);
    await start(issued, SMALLEST);
    if (inc === 2) expect(await reply(issued, seed * 10 + inc, 'hello')).toMatchObject({ reply: 'hello' });
    if (inc === 3) await control.refresh(session, control.town.mint(id, inc));
    // The last stop is that of the retirement.
    if (inc < STARTS_EACH) expect((await control.end(session, 'stop', id, inc)).body.outcome).toBe('stopped');
  }
  expect((await control.end(session, 'retire', id, STARTS_EACH)).body.outcome).toBe('retired');
}

async function settleDown(): Promise<void> {
  // Ids of push tokens are remembered for a minute and a half.
  await control.clock.advance(91_000);
  await control.running(session);
  const { requests, events, counters, beats } = control.town;
  for (const record of [control.log.lines, scene.log.lines, requests, events, counters, beats]) record.length = 0;
  await collectGarbage();
}

it(
  `K-03: ${STARTS} starts and stops of processes leave no process, file, user, listener, timer or key, and the heap flat`,
  // The heap is that of a process which other tests have used before: what they leave goes when it goes. A leak fails twice.
  { timeout: TIMEOUT_MS, retry: 1 },
  async () => {
    await start(control.town.mint(agentId(1)), SMALLEST);
    for (let seed = 2; seed < 12; seed += 1) await live(seed);
    await settleDown();
    const count = () => ({
      descriptors: descriptors(),
      listeners: handles().listeners,
      // The watch of the disk of the agent that lives has one, or looks.
      timers: Math.max(0, handles().timers - 1),
      keys: control.registry.size,
      pending: control.clock.pending,
      entries: entriesBelow(base).length,
      places: readdirSync(scene.stateDir),
      processes: processes(),
    });
    const before = count();
    expect(before).toMatchObject({ keys: 1, places: [agentId(1)], entries: isRoot ? 2 : 0 });
    const heapBefore = heapBytes();
    for (let nth = 0; nth < STARTS / STARTS_EACH; nth += 1) {
      await live(100 + nth);
      if (nth % 25 === 0) await settleDown();
    }
    await settleDown();
    // Pipes of a process that is gone close in their own time.
    for (let nth = 0; nth < 500 && !isDeepStrictEqual(count(), before); nth += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(count()).toEqual(before);
    expect(started.length).toBeGreaterThan(STARTS);
    expect(started.filter((process) => process.deref() !== undefined).length).toBeLessThanOrEqual(2);
    expect(heapBytes() - heapBefore).toBeLessThan(HEAP_BOUND_BYTES);
  },
);

it('K-01: a message to a running process brings a fresh token into its file in the same request', async () => {
  const id = agentId(1);
  const pid = await start(control.town.mint(id), agent('shell', '', { credentials: 'file' }));
  const say = 'echo "$PPID $(cat "$REEVE_TOKEN_FILE")"';
  for (let nth = 1; nth <= 3; nth += 1) {
    const issued = control.town.mint(id);
    expect(await reply(issued, nth, say)).toMatchObject({ reply: `${pid} ${issued.token}\n` });
  }
});
