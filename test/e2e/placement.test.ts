import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentView } from '#protocol';
import { ApiClient } from '../../scripts/api-client.ts';
import { freePort, isFree } from '../../scripts/ports.ts';
import { endAll, run, tokenIn, untilPrinted, type Run } from './support/command.ts';
import { parentOf } from './support/parent-of.ts';
import { migratedFolder } from './support/migrated.ts';

const PATIENCE_SECONDS = 40;
const stateDir = migratedFolder('reeve-placement-');
let stack: Run;
let ports: readonly number[];
let api: ApiClient;
let town: string;

/** A port that is free, and so is the one after it. */
async function twoPorts(): Promise<number> {
  const port = await freePort();
  return port < 65_535 && (await isFree(port + 1)) ? port : twoPorts();
}

beforeAll(async () => {
  const [worker, container] = [await freePort(), await twoPorts()];
  ports = [worker, container, container + 1];
  stack = run('npm', ['start', '--', '--containers', '2'], {
    REEVE_STATE_DIR: stateDir,
    PORT: String(worker),
    CONTAINER_PORT: String(container),
    AGENTS_PER_CONTAINER: '1',
    HEARTBEAT_SECONDS: '1',
  });
  await untilPrinted(stack, `reeve ready: http://127.0.0.1:${worker}`);
  api = new ApiClient(`http://127.0.0.1:${worker}`, tokenIn(stateDir));
  town = await api.createTown('spread');
});

afterAll(async () => {
  await endAll();
  rmSync(stateDir, { recursive: true, force: true });
});

const both = (): Promise<AgentView[]> => Promise.all(['ada', 'bob'].map((name) => api.readAgent(town, name)));
const answers = async (name: string) =>
  api.until(town, name, await api.send(town, name, `hello ${name}`), 'done', PATIENCE_SECONDS);

describe('npm start -- --containers 2', () => {
  it('places the second agent in a second process when the first is full; each answers, and each is refreshed', async () => {
    const ada = await api.createAgent(town, 'ada');
    const bob = await api.createAgent(town, 'bob');
    expect([ada.container, bob.container]).toEqual([`${town}:0`, `${town}:1`]);
    expect([ada.state, bob.state]).toEqual(['idle', 'idle']);
    expect(ada.process_id).toBeGreaterThan(0);
    expect(bob.process_id).toBeGreaterThan(0);
    expect(parentOf(bob.process_id)).not.toBe(parentOf(ada.process_id));
    for (const name of ['ada', 'bob']) expect((await answers(name)).reply).toContain(`hello ${name}`);

    const before = await both();
    expect(await api.refreshTown(town)).toMatchObject({ due: 2, ok: 2, failed: 0 });
    const after = await both();
    for (const [nth, { credential, process_id: pid, incarnation }] of after.entries()) {
      expect(credential).toMatchObject({ reason: 'force', acked: (before[nth]?.credential.acked ?? 0) + 1 });
      expect([pid, incarnation]).toEqual([before[nth]?.process_id, 1]);
    }
  });

  it('brings the agents of either process back after its crash, by the hello of that process, and leaves the other alone', async () => {
    for (const [dead, alive] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const before = await both();
      process.kill(parentOf(before[dead]?.process_id), 'SIGKILL');
      const after = await api.eventually(PATIENCE_SECONDS, 'the start in the next process', async () => {
        const now = await both();
        const pid = now[dead]?.process_id ?? null;
        return pid !== null && pid !== before[dead]?.process_id ? now : null;
      });
      expect(after[dead]).toMatchObject({ state: 'idle', incarnation: 2, container: `${town}:${dead}` });
      expect(after[alive]).toEqual(before[alive]);
    }
    for (const name of ['ada', 'bob']) expect((await answers(name)).reply).toContain(`hello ${name}`);
  });

  it('gives a container past the last address to the first process again', async () => {
    const cyd = await api.createAgent(town, 'cyd');
    const [ada] = await both();
    expect([cyd.container, parentOf(cyd.process_id)]).toEqual([`${town}:2`, parentOf(ada?.process_id)]);
  });

  it('deletes the town when both processes have confirmed; it is not found afterwards', async () => {
    await api.send(town, 'bob', 'work 60');
    expect(await api.deleteTown(town)).toBe(200);
    await expect(api.readTown(town)).rejects.toThrow('404');
    expect(await api.deleteTown(town)).toBe(404);
  });

  it('ends with all its processes', async () => {
    stack.child.kill('SIGTERM');
    expect(await stack.exited).toBe(0);
    expect(await Promise.all(ports.map(isFree))).toEqual([true, true, true]);
  });
});
