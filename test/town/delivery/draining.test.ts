/** A container that is about to be replaced: its turns come to their ends, and what is new waits for the next one. */
import { describe, expect, it, vi } from 'vitest';
import type { PermissionView } from '../../../src/protocol/index.ts';
import { PATIENT } from '../../support/patient.ts';
import { lab, type LabRequest } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';

const MINUTE_MS = 60_000;
const HEARTBEAT_MS = 30_000;
/** What a control server that drains asks for. */
const RETRY_AFTER_MS = 5000;
/** Longer than any turn here. */
const LONG_MS = 9 * MINUTE_MS;

const isDelivery = ({ path }: LabRequest): boolean => path.endsWith('/messages');

/** In which a turn of this message began. */
const incarnationsOf = (id: string): number[] =>
  lab.turns.filter(({ message }) => message === id).map(({ inc }) => inc);

/** A town in which an agent is in a turn that ends when a person answers. */
async function townAtWork(): Promise<{ town: TestTown; working: string }> {
  lab.heartbeatMs = HEARTBEAT_MS;
  const town = await TestTown.create();
  await town.agent('ada');
  const { id } = await town.send('ada', 'ask to merge');
  await town.until('ada', id, 'working');
  return { town, working: id };
}

/** Lets time pass in small steps until something is so. */
const until = (isSo: () => Promise<boolean> | boolean) =>
  vi.waitFor(async () => {
    lab.clock.advance(300);
    if (!(await isSo())) throw new Error('it is not so');
  }, PATIENT);

async function answerWhoAsks(town: TestTown): Promise<void> {
  const asked = async () => {
    const { body } = await town.api<{ items: PermissionView[] }>('GET', '/permissions');
    return body.items.find(({ state }) => state === 'open');
  };
  await until(async () => (await asked()) !== undefined);
  await town.api('POST', `/permissions/${(await asked())?.id}`, { kind: 'allow_once' });
}

/** SIGTERM; `gone` waits for its end. */
function terminate(town: TestTown, withinMs: number): { gone(): Promise<void> } {
  let isGone = false;
  const ended = town.container().terminate(withinMs);
  void ended.then(() => (isGone = true));
  return { gone: () => until(() => isGone) };
}

describe('a container that drains', () => {
  it('finishes its turn, whose token and answers still reach it; the next message waits, and runs in the next container soon after', async () => {
    const { town, working } = await townAtWork();
    const container = terminate(town, LONG_MS);
    const { id: waiting } = await town.send('ada', 'hello');
    await town.elapse(8 * MINUTE_MS);
    expect((await town.api<{ ok: number }>('POST', '/agents/ada/refresh', {})).body.ok).toBe(1);
    expect(await town.message('ada', waiting)).toMatchObject({ state: 'queued', attempts: 1 });
    await answerWhoAsks(town);
    await container.gone();
    expect(await town.message('ada', working)).toMatchObject({
      state: 'done',
      attempts: 1,
      reply: 'Allowed: to merge',
    });
    // Asked at the pace of the first repeat, however long it takes: not minutes after the container is gone.
    await town.elapse(30_000);
    expect(await town.until('ada', waiting, 'done')).toMatchObject({ attempts: 1 });
    expect([incarnationsOf(working), incarnationsOf(waiting)]).toEqual([[1], [2]]);
    // And in no loop: 503 says when to come again.
    expect(town.container().requests.filter(isDelivery).length).toBeLessThan(LONG_MS / RETRY_AFTER_MS);
  });

  it('T12, K-08: a turn that is not over at the deadline runs again in the next container, as its next attempt', async () => {
    const { town, working } = await townAtWork();
    const container = terminate(town, MINUTE_MS);
    await town.elapse(MINUTE_MS);
    await container.gone();
    await town.elapse(3 * MINUTE_MS);
    await answerWhoAsks(town);
    expect(await town.until('ada', working, 'done')).toMatchObject({ attempts: 2 });
    expect(incarnationsOf(working)).toEqual([1, 2]);
  });

  it('starts no agent; one that waits starts in the next container, soon after it is gone', async () => {
    const { town } = await townAtWork();
    const container = terminate(town, LONG_MS);
    await town.api('POST', '/agents', { name: 'bob' });
    const { id } = await town.send('bob', 'hello');
    await town.elapse(5 * MINUTE_MS);
    expect((await town.read('bob')).state).toBe('starting');
    await answerWhoAsks(town);
    await container.gone();
    await town.elapse(30_000);
    expect(await town.until('bob', id, 'done')).toMatchObject({ attempts: 1 });
  });
});
