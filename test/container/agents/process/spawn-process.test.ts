/** Starts and ends of processes: what they leave behind, and what the death of a control server does to them. */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NoCredential, openTown } from '../../../../agent/index.ts';
import { Cell } from '../../../../container/clients/cell.ts';
import { agentId } from '../../../support/ids.ts';
import { ProcessScene, isAlive, program } from './support/process-scene.ts';

let scene: ProcessScene;
beforeEach(() => void (scene = new ProcessScene()));
afterEach(() => scene.end());

const ISSUED = {
  agent: agentId(1),
  inc: 1,
  gen: 1,
  jti: 'jti-0001',
  token: 'the-token-of-ada',
  issued_at: '2027-01-01T00:00:00Z',
  expires_at: '2027-01-01T03:00:00Z',
};

const children = (): string[] =>
  readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ');

it('starts that are stopped at once, and turns that are, leave no process, no listener and no child', async () => {
  // Another test file's child may be there still, and end in the meantime.
  const before = children();
  for (let inc = 1; inc <= 8; inc += 1) {
    const started = await scene.start(program('agent.ts'), inc);
    if (inc % 2 === 0) await scene.prompt(started, 'hello').reply;
    await started.stop();
    expect(isAlive(started.processId)).toBe(false);
  }
  await expect.poll(() => children().filter((pid) => pid !== '' && !before.includes(pid))).toEqual([]);
  expect(readdirSync(scene.stateDir)).toEqual([agentId(1)]);
});

it('several starts at once all come to take prompts', async () => {
  const started = await Promise.all(Array.from({ length: 6 }, () => scene.start(program('agent.ts'))));
  await Promise.all(started.map(({ ready }) => ready));
  expect(new Set(started.map(({ processId }) => processId)).size).toBe(6);
});

it('an agent whose start is cut short is gone before that is reported', async () => {
  const starting = scene.start(program('agent.ts'));
  scene.life.abort();
  await expect(starting).rejects.toThrow();
  await expect.poll(() => readdirSync(scene.stateDir)).toEqual([agentId(1)]);
});

it('an agent that wants its token in a file finds it with what its environment names, until its incarnation ends', async () => {
  const entry = scene.registry.open(new Cell(ISSUED), () => undefined);
  const started = await scene.start(program('agent.ts', { credentials: 'file' }));
  const environment = readFileSync(`/proc/${started.processId}/environ`, 'utf8').split('\0');
  const variables = Object.fromEntries(environment.map((line) => line.split(/=(.*)/s)));
  expect(variables).toHaveProperty('REEVE_API_URL', 'https://town.example');
  const asked: string[] = [];
  const town = openTown({ environment: variables, fetch: async (url) => (asked.push(url), new Response()) });
  expect(town.token()).toBe(ISSUED.token);
  await town.fetch('/v1/agent/peers');
  expect(asked).toEqual(['https://town.example/v1/agent/peers']);
  entry.release();
  expect(() => town.token()).toThrow(NoCredential);
});

it('an agent that does not come back leaves nothing on the disk', async () => {
  scene.registry.open(new Cell(ISSUED), () => undefined);
  const started = await scene.start(program('agent.ts', { credentials: 'file' }));
  await started.stop();
  await scene.agents.forget(agentId(1));
  expect(readdirSync(scene.stateDir, { recursive: true })).toEqual([]);
});

it('agents end with a control server that is killed, also those that do not care', async () => {
  const server = spawn(process.execPath, [join(import.meta.dirname, '../programs/server.ts'), scene.stateDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let output = '';
    server.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await expect.poll(() => output).toMatch(/^\d+\n$/);
    const pid = Number(output);
    expect(isAlive(pid)).toBe(true);
    server.kill('SIGKILL');
    await expect.poll(() => isAlive(pid)).toBe(false);
  } finally {
    server.kill('SIGKILL');
  }
});
