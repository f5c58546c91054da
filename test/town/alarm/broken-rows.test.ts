/**
 * Rows that nothing can be done with: an agent whose credential is missing from its table makes every piece of work on it throw.
 * That work fails alone, again and again at a bounded pace, and a person sees it.
 */
import { evictDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { inside, rewrite } from '../support/inside.ts';
import { TestTown } from '../support/town.ts';
import type { AgentView, TownHealth } from '../../../src/protocol/index.ts';

beforeEach(() => {
  lab.heartbeatMs = 30_000;
});

const MINUTE = 60_000;
/** Far more alarms than an agent at work causes in ten minutes, and far fewer than one that rings each millisecond. */
const RINGS = 200;

/** Nothing can be done with this agent from here on. */
const breakRowOf = (town: TestTown, { id }: AgentView) => rewrite(town, 'DELETE FROM agent_tokens WHERE agent = ?', id);

/** Lets the alarm ring whenever it does within so many milliseconds, and returns how often that was. */
async function ringFor(town: TestTown, ms: number): Promise<number> {
  const until = lab.clock.now() + ms;
  for (let rings = 0; rings < RINGS; rings += 1) {
    const at = await town.alarmAt();
    if (at === null || at > until) return rings;
    await town.ring();
  }
  throw new Error(`the alarm rang ${RINGS} times`);
}

const reasonsOf = async (town: TestTown, agent: AgentView) => {
  const { status, body } = await town.api<TownHealth>('GET', '/health');
  expect(status).toBe(200);
  return body.reasons.filter((reason) => reason.agent === agent.id).map(({ code }) => code);
};

/** Two agents in one container. */
async function pair(): Promise<{ town: TestTown; broken: AgentView; whole: AgentView }> {
  const town = await TestTown.create();
  return { town, broken: await town.agent('broken'), whole: await town.agent('whole') };
}

describe('an agent whose rows are broken', () => {
  it('is looked at in vain, and the others are looked at', async () => {
    const { town, broken, whole } = await pair();
    await town.work('broken', 3600);
    await town.work('whole', 3600);
    await breakRowOf(town, broken);
    lab.silent.add(broken.id).add(whole.id);
    await ringFor(town, 3 * MINUTE);
    expect((await inside(town, (p) => p.agents.get(whole.id)))?.state).toBe('stalled');
    expect(await reasonsOf(town, broken)).toEqual(expect.arrayContaining(['work_fails', 'credential_unreadable']));
  });

  it('holds up no sweep: the others are refreshed, and the next sweep is an interval away', async () => {
    const { town, broken } = await pair();
    await town.work('broken', 20_000);
    await town.work('whole', 20_000);
    await breakRowOf(town, broken);
    lab.clock.advance(2 * 3_600_000);
    await inside(town, (p) => p.town.planSweep(lab.clock.now()));
    // The town remembers its row.
    await evictDurableObject(town.stub);
    await town.api('GET', '');
    await ringFor(town, MINUTE);
    const { body } = await town.api<{ next_sweep_at: string; last_sweep: { ok: number; failed: number } }>('GET', '');
    expect(body.last_sweep).toMatchObject({ ok: 1, failed: 1 });
    expect(Date.parse(body.next_sweep_at)).toBeGreaterThan(lab.clock.now());
    expect(await reasonsOf(town, broken)).toContain('work_fails');
  });

  it('gets no messages, and those of the others are delivered', async () => {
    const { town, broken } = await pair();
    await breakRowOf(town, broken);
    await inside(town, (p) => {
      const message = {
        seq: 1,
        sender: 'person:dev',
        idempotencyKey: null,
        bytes: 1,
        createdAtMs: lab.clock.now(),
        traceparent: null,
      };
      const queued = { ...message, agent: broken.id, content: 'x', deliverAtMs: lab.clock.now() };
      p.transaction(() => p.messages.accept({ ...queued, id: `msg_${'0'.repeat(32)}` }));
    });
    const { id } = await town.send('whole', 'hello');
    await ringFor(town, 10 * MINUTE);
    await town.until('whole', id, 'done');
    expect(await reasonsOf(town, broken)).toContain('work_fails');
  });

  it('is not started and not revived, and the others are', async () => {
    const { town, broken, whole } = await pair();
    await inside(town, (p) => {
      p.transaction(() => {
        for (const { id } of [broken, whole]) {
          const message = {
            seq: 1,
            sender: 'person:dev',
            idempotencyKey: null,
            bytes: 1,
            createdAtMs: lab.clock.now(),
            traceparent: null,
          };
          const queued = { ...message, id: `msg_${id.slice(4)}` as const, agent: id, content: 'x', deliverAtMs: null };
          p.messages.accept(queued);
          p.agents.move(id, 'failed');
          p.agents.planRevival(id, lab.clock.now());
        }
      });
    });
    await breakRowOf(town, broken);
    await ringFor(town, 10 * MINUTE);
    expect((await town.read('whole')).incarnation).toBe(2);
    expect((await inside(town, (p) => p.agents.get(broken.id)))?.state).toBe('failed');
    expect(await reasonsOf(town, broken)).toContain('work_fails');
    await inside(town, (p) => p.agents.nextIncarnation(broken.id, 0, lab.clock.now()));
    await ringFor(town, 10 * MINUTE);
    expect((await inside(town, (p) => p.agents.get(broken.id)))?.state).toBe('starting');
  });

  it('keeps no other work from its container', async () => {
    const { town, broken } = await pair();
    await breakRowOf(town, broken);
    await inside(town, (p) => {
      p.containers.ensure(1);
      for (const index of [0, 1]) p.containers.planProbe(index, lab.clock.now(), 0);
    });
    await town.api('GET', '');
    await ringFor(town, 10 * MINUTE);
    expect((await inside(town, (p) => p.containers.get(1)))?.probeAtMs).toBeNull();
  });

  it('is shown until the work on it succeeds', async () => {
    const { town, broken } = await pair();
    await town.work('broken', 3600);
    await breakRowOf(town, broken);
    lab.silent.add(broken.id);
    await ringFor(town, 3 * MINUTE);
    expect(await reasonsOf(town, broken)).toContain('work_fails');
    await inside(town, (p) => p.tokens.add(broken.id));
    await ringFor(town, 10 * MINUTE);
    expect(await reasonsOf(town, broken)).not.toContain('work_fails');
  });
});
