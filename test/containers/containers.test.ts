/** The story of a town whose agents live in containers that the platform runs: the Worker under wrangler dev, beside a Docker engine. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MessageView } from '#protocol';
import { ApiClient } from '../../scripts/api-client.ts';
import { buildImage } from '../../scripts/build-image.ts';
import { workerVariables } from '../../scripts/dev-settings.ts';
import { startStack, type Stack } from '../../scripts/dev-stack.ts';
import { Guard } from '../../scripts/guard.ts';
import { freePort } from '../../scripts/ports.ts';
import { BRIDGE, docker, engine } from './engine.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'reeve-containers-'));
const guard = new Guard();
const figures: string[] = [];
/** Images that a test put in place of others. */
const replaced: string[] = [];
/** Without a use for so long (s) a container ends. */
const SLEEP_SECONDS = 8;
/** Far longer (s) than a start or an end takes, and than a container that is gone is found to be. */
const PATIENCE = 60;
const LOSS_PATIENCE = 180;

let stack: Stack;
let api: ApiClient;
let before: readonly string[];
let allBefore: readonly string[];
let town: string;

const all = () => docker('ps', '--all', '--quiet');
/** Containers of this stack that run, by id. */
const running = (): string[] =>
  docker('ps', '--no-trunc', '--format', '{{.ID}} {{.Image}}')
    .filter((line) => !before.includes(line) && !line.includes('sidecar'))
    .map((line) => line.split(' ')[0] ?? '');

beforeAll(async () => {
  await buildImage();
  before = docker('ps', '--no-trunc', '--format', '{{.ID}} {{.Image}}');
  allBefore = all();
  const worker = await freePort();
  const {
    CONTAINER_URL: _,
    CONTAINER_SECRET: __,
    ...variables
  } = await workerVariables(
    stateDir,
    {
      SLEEP_AFTER_SECONDS: String(SLEEP_SECONDS),
      CONTAINER_API_URL: `http://${BRIDGE}:${worker}`,
      HEARTBEAT_SECONDS: '1',
      AGENT_COMMANDS: 'node',
    },
    { worker, containers: [] },
  );
  const containersReach = { host: BRIDGE, engine };
  stack = await startStack({ stateDir, workerPort: worker, controlPorts: [], variables, guard, containersReach });
  api = new ApiClient(stack.url, variables['REEVE_DEV_TOKEN'] ?? '');
  town = await api.createTown('contained');
});

afterAll(async () => {
  await stack?.stop();
  guard.end();
  // Figures are in no file: they differ with the machine, and the person who runs this reads them.
  // oxlint-disable-next-line no-console
  console.log(figures.join('\n'));
  rmSync(stateDir, { recursive: true, force: true });
  // The platform's own beside one that was removed from outside.
  for (const id of all()) if (!allBefore.includes(id)) docker('rm', '--force', id);
  for (const image of replaced) docker('rmi', '--force', image);
});

/** Sends a message and waits for its reply; records how long both took from `since` on, the sending by default. */
async function ask(content: string, what: string, since?: number): Promise<string | null> {
  const id = await api.send(town, 'ada', content);
  const done = await api.until(town, 'ada', id, 'done', PATIENCE);
  const [delivered, finished] = [done.delivered_at, done.finished_at].map((at) => {
    return Date.parse(at ?? '') - (since ?? Date.parse(done.created_at));
  });
  figures.push(`${what}: delivered after ${delivered} ms, done after ${finished} ms`);
  return done.reply;
}

/** Brings the agent into a turn, does something to its container in the middle of it, and waits for the end of the turn. */
async function inTurn(seconds: number, what: string, happens: (container: string) => unknown): Promise<MessageView> {
  const id = await api.send(town, 'ada', `work ${seconds}`);
  await api.until(town, 'ada', id, 'working', PATIENCE);
  const startedAt = performance.now();
  const [container = ''] = running();
  await happens(container);
  const done = await api.until(town, 'ada', id, 'done', LOSS_PATIENCE);
  figures.push(`${what} to the reply of a turn of ${seconds} s: ${Math.round(performance.now() - startedAt)} ms`);
  return done;
}

/** Under the name by which the next container is started stands another image from here on: this one, changed. */
function replaceImage(container: string, change: string): void {
  const [image = ''] = docker('inspect', '--format', '{{.Config.Image}}', container);
  const [unstarted = ''] = docker('create', image);
  docker('commit', '--change', change, unstarted, image);
  docker('rm', unstarted);
  replaced.push(image);
}

const eventually = async (what: string, isSo: () => boolean | Promise<boolean>) => {
  await api.eventually(PATIENCE, what, async () => ((await isSo()) ? true : null));
};
const gone = () => eventually('the end of the container', () => running().length === 0);
const stateOf = async (agent: string) => (await api.readAgent(town, agent)).state;
const confirmations = async () =>
  (await api.readEvents(town)).filter(({ type }) => type === 'reeve.agent.teardown_confirmed').length;

describe('a town in containers of the platform', () => {
  it('K-04: starts a container for its first agent, which answers', async () => {
    expect(running()).toEqual([]);
    const createdAt = Date.now();
    await api.createAgent(town, 'ada');
    expect(await ask('hello', 'cold start, from the creation of the agent', createdAt)).toBe('You said: hello');
    expect(running()).toHaveLength(1);
  });

  it('tells the container nothing secret, and runs its agents as users of their own', () => {
    const [id = ''] = running();
    const [environment = ''] = docker('inspect', '--format', '{{json .Config.Env}}', id);
    const keys = JSON.parse(
      readFileSync(join(stateDir, 'dev.env'), 'utf8').split("SIGNING_KEYS='")[1]?.split("'")[0] ?? '{}',
    ) as { keys: { d: string }[] };
    for (const { d } of keys.keys) expect(environment).not.toContain(d);
    expect(environment).toContain('REEVE_JWKS');
    const users = docker('exec', id, 'sh', '-c', 'for p in /proc/[0-9]*; do grep -h "^Uid" $p/status; done');
    expect(users.some((line) => Number(line.split(/\s+/)[1]) >= 20_000)).toBe(true);
  });

  it('K-12: ends its container when nothing has used it, and not under a turn', async () => {
    const id = await api.send(town, 'ada', `work ${SLEEP_SECONDS * 2}`);
    const done = await api.until(town, 'ada', id, 'done', PATIENCE);
    expect(done.attempts).toBe(1);
    await gone();
  });

  it('K-04, T10: leaves it asleep whatever is refreshed or read, and wakes it for a message, which is answered', async () => {
    await api.refresh(town, 'ada');
    await api.readEvents(town);
    expect(running()).toEqual([]);
    expect(await ask('awake', 'wake')).toBe('You said: awake');
    expect(running()).toHaveLength(1);
  });

  it.each([
    ['killed', (id: string) => docker('kill', id)],
    ['stopped', (id: string) => docker('stop', '--time', '1', id)],
    ['removed', (id: string) => docker('rm', '--force', id)],
  ])('A-26: goes on in another container where the first is %s in mid-turn', async (what, happens) => {
    const done = await inTurn(5, what, happens);
    expect([done.reply, done.attempts]).toEqual(['worked 5 s', 2]);
    expect(running()).toHaveLength(1);
  });

  it('K-12: starts no second incarnation beside one that is only not heard', async () => {
    const before = (await api.readAgent(town, 'ada')).incarnation;
    const done = await inTurn(3, 'not heard', async (id) => {
      docker('pause', id);
      await eventually('a stall', async () => (await stateOf('ada')) === 'stalled');
      expect(running()).toEqual([id]);
      docker('unpause', id);
    });
    expect([done.attempts, (await api.readAgent(town, 'ada')).incarnation]).toEqual([1, before]);
  });

  it('lets a turn come to its end where its image is replaced; the next message runs on the new one', async () => {
    let [old, next] = ['', ''];
    const first = await inTurn(10, 'replaced', async (id) => {
      old = id;
      replaceImage(id, 'ENV AGENT_DRAIN_SECONDS=2');
      docker('kill', '--signal', 'TERM', id);
      next = await api.send(town, 'ada', 'hello');
    });
    expect([first.reply, first.attempts]).toEqual(['worked 10 s', 1]);
    const second = await api.until(town, 'ada', next, 'done', LOSS_PATIENCE);
    expect([second.reply, second.attempts]).toEqual(['You said: hello', 1]);
    const [now = ''] = running();
    expect(now).not.toBe(old);
    expect(docker('inspect', '--format', '{{json .Config.Env}}', now).join()).toContain('AGENT_DRAIN_SECONDS=2');
  });

  it('T12: runs a turn again that did not come to its end within the drain', async () => {
    const done = await inTurn(8, 'cut short by the end of the drain', (id) => docker('kill', '--signal', 'TERM', id));
    expect([done.reply, done.attempts]).toEqual(['worked 8 s', 2]);
  });

  it('S-13: refuses the token of an agent that was deleted and made again under its name', async () => {
    const runtime = { command: 'node', args: ['/opt/reeve/agents/built-in/main.mjs'], credentials: 'file' };
    const first = await api.createAgent(town, 'bob', { runtime });
    await eventually('the start of bob', async () => (await stateOf('bob')) === 'idle');
    const [container = ''] = running();
    const [file = ''] = docker('exec', container, 'find', '/var/lib/reeve', '-name', 'token-1');
    const [token = ''] = docker('exec', container, 'cat', file);
    expect((await api.heartbeat(token)).status).toBe(200);
    expect(await api.deleteAgent(town, 'bob')).toBe(200);
    expect((await api.createAgent(town, 'bob', { runtime })).id).not.toBe(first.id);
    expect((await api.heartbeat(token)).status).toBe(401);
  });

  it('S-14: resumes a teardown that the container could not confirm, and does it once', async () => {
    // It runs, and its container was used just now.
    await api.until(town, 'bob', await api.send(town, 'bob', 'hello'), 'done', LOSS_PATIENCE);
    const [container = ''] = running();
    const before = await confirmations();
    docker('pause', container);
    expect(await api.deleteAgent(town, 'bob')).toBe(202);
    docker('unpause', container);
    await eventually('the confirmation', async () => (await confirmations()) > before);
    expect(await confirmations()).toBe(before + 1);
  });

  it('destroys its container when the town is deleted', async () => {
    await ask('once more', 'wake, once more');
    expect(running()).toHaveLength(1);
    await api.deleteTown(town);
    await gone();
  });
});
