import { describe, expect, it } from 'vitest';
import type { SweepReport } from '../../../src/town/state/sweep-store.ts';
import { TestTown } from '../support/town.ts';

/** As many as one container of the lab holds. */
const FULL = ['a1', 'a2', 'a3', 'a4'];

async function fullTown(): Promise<TestTown> {
  const town = await TestTown.create();
  for (const name of FULL) await town.agent(name);
  return town;
}

const pushes = (town: TestTown, index: number) =>
  town.container(index).requests.filter(({ path }) => path === '/agents/refresh-tokens').length;

describe('placement', () => {
  it('a second container is opened when the first is full, and not before', async () => {
    const town = await fullTown();
    expect(town.container(1).requests).toEqual([]);
    const fifth = await town.agent('a5');
    expect([fifth.container, fifth.state]).toEqual([town.containerName(1), 'idle']);
    const opened = [0, 1].map((index) => town.container(index).requests.filter(({ path }) => path === '/session'));
    expect(opened.map(({ length }) => length)).toEqual([1, 1]);
  });

  it('a container with agents at work costs a sweep one request, however many they are', async () => {
    const town = await fullTown();
    await town.agent('a5');
    await town.agent('a6');
    const { status, body } = await town.api<SweepReport>('POST', '/refresh', {});
    expect([status, body.due, body.ok, body.failed]).toEqual([200, 6, 6, 0]);
    expect([pushes(town, 0), pushes(town, 1)]).toEqual([1, 1]);
  });

  it('the place of an agent that is torn down is taken by the next one; a stopped agent keeps its place', async () => {
    const town = await fullTown();
    await town.api('POST', '/agents/a1/stop');
    expect((await town.agent('a5')).container).toBe(town.containerName(1));
    await town.api('DELETE', '/agents/a2');
    expect((await town.agent('a6')).container).toBe(town.containerName(0));
    expect((await town.agent('a7')).container).toBe(town.containerName(1));
  });
});
