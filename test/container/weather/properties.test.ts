/** What holds for every order of events. A run that fails prints its seed and the shortest counterexample. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IssuedToken } from '#protocol';
import { Cell } from '../../../container/clients/cell.ts';
import { TestControlServer } from '../support/control-server.ts';
import { FakeTownApi } from '../support/fake-town-api.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import { AGENTS, ControlServerRun, anAgent, anOrder } from './support/control-server-run.ts';
import { CrossingRun, aCrossing } from './support/crossing-run.ts';
import { QueueRun, anAct } from './support/queue-run.ts';
import { RegistryRun, aStep } from './support/registry-run.ts';

const mostly = <T>(usual: T, others: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: others });

/** An issued token as any town could have made it, with few values so that they meet; most are for the cell under test. */
const anIssuedToken = fc
  .record({
    agent: mostly(AGENTS[0], anAgent),
    inc: mostly(2, fc.integer({ min: 1, max: 3 })),
    gen: fc.integer({ min: 1, max: 8 }),
    twin: fc.boolean(),
  })
  .map(({ agent, inc, gen, twin }): IssuedToken => ({
    agent,
    inc,
    gen,
    jti: `jti-${gen}-${twin ? 'other' : 'first'}`,
    token: `token-${agent}-${inc}-${gen}-${twin}`,
    issued_at: '2027-01-01T00:00:00.000Z',
    expires_at: '2027-01-01T03:00:00.000Z',
  }));

/** Room for a busy machine; the whole file takes seconds. */
const TIME = { timeout: 60_000 };

/** A run that hangs, or runs that do not come to an end, fail before the test does: so these print their seed too. */
const bounded = (numRuns: number) =>
  ({ numRuns, timeout: 10_000, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true }) as const;

describe('the cell', TIME, () => {
  const first: IssuedToken = new FakeTownApi(() => ManualClock.START_MS).mint(AGENTS[0], 2);
  const fits = ({ agent, inc }: IssuedToken): boolean => agent === first.agent && inc === first.inc;

  it('A-22, T2: its generation never decreases, and changes only by what is applied', () => {
    fc.assert(
      fc.property(fc.array(anIssuedToken, { maxLength: 30, size: 'max' }), (tokens) => {
        const cell = new Cell(first);
        for (const issued of tokens) {
          const before = cell.token;
          const outcome = cell.swap(issued);
          if (outcome === 'applied') {
            expect(fits(issued) && issued.gen > (before?.gen ?? 0)).toBe(true);
            expect(cell.token).toMatchObject({ gen: issued.gen, jti: issued.jti, inc: issued.inc });
            expect(cell.token?.text.reveal()).toBe(issued.token);
          } else expect(cell.token).toBe(before);
        }
      }),
      bounded(300),
    );
  });

  it('A-22: a swap is a join: in whatever order tokens arrive, and however often, the newest is held in the end', () => {
    const shuffled = fc
      .array(anIssuedToken, { minLength: 1, maxLength: 12 })
      .chain((tokens) =>
        fc.tuple(fc.shuffledSubarray([...tokens, ...tokens], { minLength: tokens.length * 2 }), fc.constant(tokens)),
      );
    fc.assert(
      fc.property(shuffled, ([order, tokens]) => {
        const [one, other] = [new Cell(first), new Cell(first)];
        for (const issued of order) one.swap(issued);
        for (const issued of tokens) other.swap(issued);
        const newest = Math.max(first.gen, ...tokens.filter(fits).map(({ gen }) => gen));
        expect([one.token?.gen, other.token?.gen]).toEqual([newest, newest]);
        // Which of two twins is held is decided by who came first, and by nothing else.
        const twins = order.filter((issued) => fits(issued) && issued.gen === newest);
        if (newest > first.gen) expect(one.token?.jti).toBe(twins[0]?.jti);
      }),
      bounded(300),
    );
  });

  it('A-22: of two tokens of one generation the first is kept, whatever comes in between', () => {
    fc.assert(
      fc.property(fc.array(anIssuedToken, { maxLength: 20, size: 'max' }), anIssuedToken, (tokens, given) => {
        const issued = { ...given, agent: first.agent, inc: first.inc, gen: given.gen + 1 };
        const cell = new Cell(first);
        cell.swap(issued);
        for (const other of tokens) if (other.gen <= issued.gen) cell.swap(other);
        expect(cell.swap({ ...issued, jti: 'jti-another' })).toBe('conflict');
        expect(cell.swap(issued)).toBe('current');
        expect(cell.token?.jti).toBe(issued.jti);
      }),
      bounded(200),
    );
  });

  it('K-07, T3: a closed cell drops everything, for good', () => {
    fc.assert(
      fc.property(fc.array(anIssuedToken, { maxLength: 20, size: 'max' }), fc.nat(20), (tokens, closedAt) => {
        const cell = new Cell(first);
        for (const [at, issued] of tokens.entries()) {
          if (at === closedAt) cell.close();
          const outcome = cell.swap(issued);
          if (at >= closedAt) expect([outcome, cell.token]).toEqual(['unknown_agent', null]);
        }
      }),
      bounded(200),
    );
  });
});

describe('the registry', TIME, () => {
  it('T1, T3, T4: size equals the live agents, an undo removes its own, a push makes nothing, and reaches its agent’s clients only', () => {
    fc.assert(
      fc.property(fc.array(aStep, { maxLength: 60, size: 'max' }), (steps) => {
        const run = new RegistryRun();
        for (const step of steps) {
          run.perform(step);
          run.check();
        }
      }),
      bounded(300),
    );
  });
});

describe('swap outcomes through the control server', TIME, () => {
  it('A-14, T2, T3, T9: every order of mint, push, delayed and repeated push, pull, stop, start and teardown comes out as the design says', async () => {
    const key = await newKey('active');
    await fc.assert(
      fc.asyncProperty(fc.array(anOrder, { minLength: 5, maxLength: 40, size: 'max' }), async (orders) => {
        const run = await ControlServerRun.begin(key);
        for (const order of orders) {
          await run.perform(order);
          await run.compare();
        }
        expect(run.town.refused).toEqual([]);
      }),
      bounded(60),
    );
  });

  it('A-22: pushes that arrive together, in any order and number, leave each agent with its newest token', async () => {
    const key = await newKey('active');
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([2, 3, 4, 5, 6, 7, 8], { minLength: 2 }),
        fc.array(fc.nat(6)),
        async (gens, repeats) => {
          const control = await TestControlServer.make({ key });
          const session = await control.session();
          const tokens = Array.from({ length: 8 }, () => control.town.mint(AGENTS[0]));
          const [first] = tokens;
          if (first === undefined) throw new Error('eight were minted');
          await control.start(session, first);
          const order = [...gens, ...repeats.map((nth) => gens[nth % gens.length] ?? 2)];
          const sent = order.flatMap((gen) => tokens.filter((issued) => issued.gen === gen));
          const answers = await Promise.all(sent.map((issued) => control.refresh(session, issued)));
          expect(await control.running(session)).toMatchObject([{ gen: Math.max(...gens) }]);
          // Exactly one of the pushes of the newest applied it; no client gets a generation older than its own.
          const outcomes = answers.map(({ body }, at) => [sent[at]?.gen, body.outcome]);
          expect(outcomes.filter(([gen, outcome]) => gen === Math.max(...gens) && outcome === 'applied')).toHaveLength(
            1,
          );
          for (const [at, { body }] of answers.entries()) expect(body.gen).toBeGreaterThanOrEqual(sent[at]?.gen ?? 0);
        },
      ),
      bounded(40),
    );
  });
});

describe('starts and ends that cross', TIME, () => {
  it('T1, T9: no agent ever has two processes, the retired stay away, and the end leaves nothing', async () => {
    const crossings = fc.array(aCrossing, { minLength: 5, maxLength: 25, size: 'max' });
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), crossings, async (scheduler, events) => {
        const run = new CrossingRun(scheduler);
        await run.perform(events);
        run.check();
        await run.finish();
      }),
      bounded(300),
    );
  });
});

describe('the turn queue', TIME, () => {
  it('K-08: no message runs twice within an incarnation, whatever is repeated; a result is kept until it is acknowledged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anAct, { minLength: 5, maxLength: 40, size: 'max' }), async (acts) => {
        const run = new QueueRun();
        for (const act of acts) {
          await run.perform(act);
          run.check();
        }
        await run.finish();
      }),
      bounded(150),
    );
  });
});
