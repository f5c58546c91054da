/** The story of a town whose agents live in containers that the platform runs: the Worker under wrangler dev, beside a Docker engine. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
/** Without a use for so long (s) a container ends. */
const SLEEP_SECONDS = 8;
/** Far longer (s) than a start or an end takes. */
const PATIENCE = 60;

let stack: Stack;
let api: ApiClient;
let before: readonly string[];
let town: string;

/** Containers of this stack that run, by id. */
const running = (): string[] =>
  docker('ps', '--no-trunc', '--format', '{{.ID}} {{.Image}}')
    .filter((line) => !before.includes(line) && !line.includes('sidecar'))
    .map((line) => line.split(' ')[0] ?? '');

beforeAll(async () => {
  await buildImage();
  before = docker('ps', '--no-trunc', '--format', '{{.ID}} {{.Image}}');
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
});

/** Sends a message and waits for its reply; records how long that took. */
async function ask(content: string, what: string): Promise<string | null> {
  const startedAt = performance.now();
  const id = await api.send(town, 'ada', content);
  const done = await api.until(town, 'ada', id, 'done', PATIENCE);
  figures.push(`${what}: ${Math.round(performance.now() - startedAt)} ms`);
  return done.reply;
}
const gone = () =>
  api.eventually(PATIENCE, 'the end of the container', async () => (running().length === 0 ? true : null));

describe('a town in containers of the platform', () => {
  it('K-04: starts a container for its first agent, which answers', async () => {
    expect(running()).toEqual([]);
    const startedAt = performance.now();
    await api.createAgent(town, 'ada');
    expect(await ask('hello', 'cold start to reply')).toBe('You said: hello');
    figures.push(`creation to reply: ${Math.round(performance.now() - startedAt)} ms`);
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

  it('T10: leaves it asleep whatever is refreshed or read, and wakes it for a message, which is answered', async () => {
    await api.refresh(town, 'ada');
    await api.readEvents(town);
    expect(running()).toEqual([]);
    expect(await ask('awake', 'wake to reply')).toBe('You said: awake');
    expect(running()).toHaveLength(1);
  });

  it('A-26: goes on in another container where the first is killed in mid-turn', async () => {
    const id = await api.send(town, 'ada', 'work 5');
    await api.until(town, 'ada', id, 'working', PATIENCE);
    const startedAt = performance.now();
    docker('kill', ...running());
    const done = await api.until(town, 'ada', id, 'done', 180);
    figures.push(`killed in mid-turn to its reply: ${Math.round(performance.now() - startedAt)} ms`);
    expect([done.reply, done.attempts]).toEqual(['worked 5 s', 2]);
  }, 240_000);

  it('destroys its container when the town is deleted', async () => {
    expect(running()).toHaveLength(1);
    await api.deleteTown(town);
    await gone();
  });
});
