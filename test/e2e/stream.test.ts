/** A hundred readers of one town, over real connections, through what befalls a Worker. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StreamClient } from '../../client/stream-client.ts';
import type { ApiClient } from '../../scripts/api-client.ts';
import { crashWorker, runtimeMemoryMib } from './support/crash-worker.ts';
import { StalledReader } from './support/stalled-reader.ts';
import { startTestStack, type TestStack } from './support/test-stack.ts';

const READERS = 99;
/** A hibernating object leaves memory after 10 s without a request (ms). */
const EVICTED_MS = 13_000;
const RUN_MS = 240_000;
/** Refreshes at once: what happens together shares frames, of which every reader has its own. */
const SIDE_BY_SIDE = 50;
const PATIENCE_SECONDS = 60;

let stack: TestStack;
let api: ApiClient;

beforeAll(async () => {
  stack = await startTestStack('stream');
  ({ api } = stack);
  // As `npm start` leaves it.
  writeFileSync(join(stack.stateDir, 'auth-header'), `Authorization: Bearer ${stack.token}\n`, { mode: 0o600 });
});

afterAll(() => stack.stop());

interface Following {
  readonly client: StreamClient;
  readonly seqs: number[];
  gaps: number;
  lives: number;
}

function follow(town: string): Following {
  const following = { seqs: new Array<number>(), gaps: 0, lives: 0 };
  const client = new StreamClient({
    address: `${stack.url}/v1/towns/${town}/stream`,
    ticket: () => api.ticket(town),
    after: 0,
    onEvent: ({ seq }) => void following.seqs.push(seq),
    onGap: () => void (following.gaps += 1),
    onState: ({ name }) => {
      if (name === 'live') following.lives += 1;
    },
  });
  return Object.assign(following, { client });
}

/** So much happens, as fast as it can: each forced refresh is an event or two. */
async function refresh(town: string, count: number): Promise<void> {
  const one = async (): Promise<void> => {
    for (let nth = 0; nth < count / SIDE_BY_SIDE; nth += 1) await api.refresh(town, 'ada');
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
}

/** Every reader has everything. */
function caughtUp(readers: readonly Following[], town: string): Promise<number> {
  return api.eventually(PATIENCE_SECONDS, 'that every reader has everything', async () => {
    const head = await api.head(town);
    return readers.every(({ seqs }) => seqs.at(-1) === head) ? head : null;
  });
}

describe.runIf(process.platform === 'linux')('a hundred readers', () => {
  it(
    'one of them stalled, an eviction and a crash in between: each ends with every event exactly once, and nothing piles up',
    async () => {
      const town = await api.createTown('followed');
      await api.createAgent(town, 'ada');
      const readers = Array.from({ length: READERS }, () => follow(town));
      await caughtUp(readers, town);
      const stalled = await StalledReader.open(
        stack.port,
        `/v1/towns/${town}/stream?after=0&ticket=${await api.ticket(town)}`,
      );
      const memory = [runtimeMemoryMib()];

      await refresh(town, 600);
      await caughtUp(readers, town);
      memory.push(runtimeMemoryMib());

      await new Promise((resolve) => setTimeout(resolve, EVICTED_MS));
      await refresh(town, 600);
      const before = await caughtUp(readers, town);
      memory.push(runtimeMemoryMib());
      // Over all of this no connection of an honest reader ended, and the one that takes nothing was let go of.
      expect(readers.map(({ lives }) => lives)).toEqual(readers.map(() => 1));
      expect(before).toBeGreaterThan(1200);
      const received = await stalled.readOn();
      expect(received.closed).toBe(4008);
      const events = received.texts.flatMap((text) => JSON.parse(text) as unknown[]);
      expect(events.length).toBeLessThanOrEqual(1 + 1000);

      expect(crashWorker(stack.port)).toHaveLength(1);
      await api.eventually(PATIENCE_SECONDS, 'the restart', () => api.head(town).catch(() => null));
      await refresh(town, 50);
      const head = await caughtUp(readers, town);
      memory.push(runtimeMemoryMib());
      // oxlint-disable-next-line eslint/no-console -- the size is for the reader of the run
      console.log(`${READERS} readers, ${head} events; runtimes hold ${memory.join(', ')} MiB`);

      const all = Array.from({ length: head }, (_, at) => at + 1);
      for (const { seqs, gaps, lives, client } of readers) {
        client.close();
        expect([gaps, lives]).toEqual([0, 2]);
        expect(seqs).toEqual(all);
      }
    },
    RUN_MS,
  );
});

describe('reeve', () => {
  /** Runs it until it has printed `enough`, or ends. `connected` is called when it is: a delta is for those who are there. */
  async function run(args: readonly string[], enough: RegExp, connected?: () => unknown) {
    const { port, stateDir } = stack;
    const env = { ...process.env, PORT: String(port), REEVE_STATE_DIR: stateDir, XDG_CONFIG_HOME: stateDir };
    const child = spawn(process.execPath, ['bin/reeve.js', ...args], { cwd: join(import.meta.dirname, '../..'), env });
    const printed = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      printed.out += chunk.toString();
      if (enough.test(printed.out)) child.kill('SIGTERM');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      printed.err += chunk.toString();
      if (printed.err === 'reeve: following\n') connected?.();
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, ...printed };
  }

  it('tail shows events in order, and replies while they are written, until it is interrupted', async () => {
    const town = await api.createTown('shown');
    await api.createAgent(town, 'ada');
    const { code, out, err } = await run(['tail', 'shown', '--after', '0'], /reeve\.turn\.finished/, () => {
      return api.send(town, 'ada', 'good morning');
    });
    expect([code, err]).toEqual([130, 'reeve: following\n']);
    expect(out).toMatch(/^ {6}1 {2}\S+Z {2}reeve\.town\.created {2}town_/);
    expect(out).toMatch(/^ {9}agt_\w+ {2}"You said: good morning"$/m);
    const seqs = [...out.matchAll(/^ *(\d+) {2}/gm)].map(([, seq]) => Number(seq));
    expect(seqs).toEqual(seqs.map((_, at) => at + 1));
  });

  it('tail shows what an agent thinks while it works, and tells it from its reply', async () => {
    const town = await api.createTown('thoughtful');
    await api.createAgent(town, 'ada');
    const { code, out } = await run(['tail', town], /reeve\.turn\.finished/, () => api.send(town, 'ada', 'work 1'));
    expect(code).toBe(130);
    expect(out).toMatch(/^ {9}agt_\w+ {2}thinks ".* of 1 s/m);
    expect(out).toMatch(/^ {9}agt_\w+ {2}"worked 1 s/m);
  });

  it('send prints the answer and nothing else, or its pieces as they are written and then the message', async () => {
    const town = await api.createTown('asked');
    await api.createAgent(town, 'ada');
    const whole = await run(['send', 'asked', 'ada', 'good', 'morning'], /never/);
    expect(whole).toEqual({ code: 0, out: 'You said: good morning\n', err: '' });
    const { code, out } = await run(['send', 'asked', 'ada', 'good evening', '-o', 'jsonl'], /never/);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { text?: string });
    expect(code).toBe(0);
    expect(lines.map(({ text }) => text ?? '').join('')).toBe('You said: good evening');
    expect(lines.at(-1)).toMatchObject({ state: 'done', reply: 'You said: good evening' });
  });

  it('doctor finds nothing that fails in a stack of npm start', async () => {
    const { code, out } = await run(['doctor'], /never/);
    expect([code, out]).toEqual([0, expect.stringMatching(/^ok {4}sign-in {5}dev, admin$/m)]);
  });
});
