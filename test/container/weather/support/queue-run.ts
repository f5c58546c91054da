/** A turn queue, an agent that answers when it is ordered to, and a town that acknowledges what it likes. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { DeliveredMessage, HeldMessage, TurnEvent } from '#protocol';
import { TurnQueue } from '../../../../container/agents/turn-queue.ts';
import { TurnTrace } from '../../../../container/agents/turn-trace.ts';
import { passingTracer } from '../../../../container/lib/tracer.ts';
import { message } from '../../support/control-server.ts';
import { agentId } from '../../../support/ids.ts';
import { KeptLog } from '../../support/log.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

/** `deliver`: (seed, attempt) of each message. `acknowledge`: one of the events so far, perhaps twice. */
export type Act =
  | { readonly kind: 'deliver'; readonly given: readonly (readonly [number, number])[] }
  | { readonly kind: 'reply' | 'fail' | 'emit' }
  | { readonly kind: 'acknowledge'; readonly nth: number; readonly times: number };

const aMessage = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }));
const given = fc.array(aMessage, { minLength: 1, maxLength: 4 });

/** Deliveries repeat few messages under few attempts, so that repeats, higher and lower attempts come about at once. */
export const anAct: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deliver' as const), given }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('reply', 'fail', 'emit') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge' as const),
      nth: fc.nat(20),
      times: fc.integer({ min: 1, max: 2 }),
    }),
  },
);

interface Turn {
  readonly reply: (text: string) => void;
  readonly fail: (thrown: Error) => void;
  readonly emit: () => void;
}

export class QueueRun {
  readonly #clock = new ManualClock();
  readonly #life = new AbortController();
  readonly #platform = {
    clock: this.#clock,
    log: new KeptLog(),
    tracer: passingTracer((count) => new Uint8Array(count)),
  };
  readonly #events: TurnEvent[] = [];
  readonly #runs: DeliveredMessage[] = [];
  readonly #turns: Turn[] = [];
  /** Highest attempt that was delivered of each message. */
  readonly #highest = new Map<string, number>();
  /** Messages of which the town has the result of the attempt that counts. */
  readonly #acknowledged = new Set<string>();
  readonly #queue = new TurnQueue({
    ready: () => Promise.resolve(),
    prompt: ({ message, emit }) => {
      this.#runs.push(message);
      return new Promise((reply, fail) =>
        this.#turns.push({ reply, fail, emit: () => emit({ kind: 'text', text: 'a' }) }),
      );
    },
    report: (event) => void this.#events.push(event),
    trace: (message) => new TurnTrace({ platform: this.#platform, agent: agentId(1), inc: 1 }, message),
    onWork: () => {},
    mayContinue: () => true,
    townNowMs: () => this.#clock.nowMs(),
    life: this.#life.signal,
  });

  async perform(act: Act): Promise<void> {
    switch (act.kind) {
      case 'deliver': {
        const delivered = act.given.map(([seed, attempt]) => message(seed, `m${seed}`, attempt));
        for (const { message, attempt } of delivered) {
          const before = this.#highest.get(message) ?? 0;
          if (attempt > before) this.#acknowledged.delete(message);
          this.#highest.set(message, Math.max(attempt, before));
        }
        const answers = this.#queue.deliver(delivered);
        expect(answers.map((held) => held.message)).toEqual(delivered.map((one) => one.message));
        break;
      }
      case 'acknowledge': {
        const event = this.#events[act.nth % Math.max(1, this.#events.length)];
        if (event === undefined) break;
        for (let time = 1; time <= act.times; time += 1) this.#queue.acknowledge(event);
        const counts = event.type === 'turn.finished' && event.attempt === this.#highest.get(event.message);
        if (counts) this.#acknowledged.add(event.message);
        break;
      }
      case 'emit':
        this.#turns.at(-1)?.emit();
        break;
      case 'reply':
        this.#turns.at(-1)?.reply('done');
        break;
      case 'fail':
        this.#turns.at(-1)?.fail(new Error('no'));
    }
    await settle();
  }

  /** Fails the run where a message ran twice, is not remembered, or lost a result that the town does not have. */
  check(): void {
    const ran = this.#runs.map(({ message }) => message);
    expect(new Set(ran).size).toBe(ran.length);
    const held = this.#queue.held();
    expect(held.map(({ message }) => message).toSorted()).toEqual([...this.#highest.keys()].toSorted());
    for (const one of held) this.#checkOne(one);
  }

  /** Returns whatever is left, after which each message has come to its one end. */
  async finish(): Promise<void> {
    for (let left = 0; left <= this.#highest.size; left += 1) await this.perform({ kind: 'reply' });
    this.check();
    expect(this.#queue.held().every(isOver)).toBe(true);
    expect(this.#runs.map(({ message }) => message).toSorted()).toEqual([...this.#highest.keys()].toSorted());
    this.#life.abort();
  }

  #checkOne(one: HeldMessage): void {
    // The number that counts is the highest that came, whatever came after it.
    expect(one.attempt).toBe(this.#highest.get(one.message));
    const reported = this.#events.some(
      (event) => event.type === 'turn.finished' && event.message === one.message && event.attempt === one.attempt,
    );
    expect(reported).toBe(isOver(one));
    if (isOver(one)) expect(one.result === undefined).toBe(this.#acknowledged.has(one.message));
  }
}

const isOver = ({ state }: HeldMessage): boolean => state === 'done' || state === 'failed';
