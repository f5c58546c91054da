/** What happens in a run, and when: everything that a seed decides. The rest is up to the machine. */
import { randomFrom } from '../support/random.ts';

/** Where a middlebox stands: before the Worker, or before one of the control servers. */
export type Way = 'to_town' | 'to_container';

/**
 * What a middlebox does with a request. `slow`: it hands it on late. `reset`: it ends the connection. `drop`: it hands the request on,
 * and ends the connection when it is answered. `twice`: it hands it on twice. The others it answers by itself.
 */
export const LIES = ['slow', 'reset', 'drop', 'twice', 'html', 'forbidden', 'too_large', 'bad_gateway'] as const;
export type Lie = (typeof LIES)[number];

/** What can be done to the key set of the Worker, which starts anew with it. */
export const KEY_EDITS = ['rotate', 'activate', 'taint', 'prune'] as const;
export type KeyEdit = (typeof KEY_EDITS)[number];

/** What is done to the parts of a Reeve. `nth` is a control server; `share` of the requests, 0 to 1. */
export type Fault =
  | {
      readonly kind: 'lie';
      readonly way: Way;
      readonly nth: number;
      readonly lie: Lie;
      readonly share: number;
      readonly forMs: number;
    }
  | { readonly kind: 'kill_container' | 'end_container'; readonly nth: number }
  | { readonly kind: 'freeze_container'; readonly nth: number; readonly forMs: number }
  | { readonly kind: 'step_clock'; readonly nth: number; readonly bySeconds: number }
  | { readonly kind: 'kill_worker' }
  | { readonly kind: 'freeze_worker'; readonly forMs: number }
  | { readonly kind: 'edit_keys'; readonly edit: KeyEdit };

export const ORDERS = [
  'stop',
  'start',
  'revoke',
  'retire',
  'interrupt',
  'refresh',
  'refresh_cut',
  'refresh_town',
] as const;
type Order = (typeof ORDERS)[number];

/** What people do. `pick` chooses among the agents, or towns, that there are by then. */
export type Deed =
  | { readonly kind: Order | 'create_agent' | 'create_town' | 'delete_town'; readonly pick: number }
  | { readonly kind: 'send'; readonly pick: number; readonly content: string };

export type Act = { readonly atMs: number } & ({ readonly fault: Fault } | { readonly deed: Deed });

export interface Schedule {
  readonly seed: number;
  /** Nothing happens after it. */
  readonly endsAtMs: number;
  /** In the order of their times. */
  readonly acts: readonly Act[];
}

/** Storms and calms follow each other, so that it is seen that what a storm broke is mended in the calm. */
const PHASE_MS = { first: 6_000, storm: [15_000, 30_000], calm: [30_000, 45_000] } as const;
const EVERY_MS = { fault: [1_200, 3_500], message: [500, 1_500], order: [1_500, 4_500] } as const;
const SLEEP_MS = [1_000, 8_000] as const;
const LIE_MS = [3_000, 12_000] as const;
/** An hour is more than anything that a control server waits for. */
const STEP_SECONDS = 3600;

type Range = readonly [least: number, most: number];

/** Draws what a run needs; each call takes the next of the seed's numbers. */
class Dice {
  readonly #next: () => number;

  constructor(seed: number) {
    this.#next = randomFrom(seed);
  }

  share(): number {
    return this.#next();
  }

  within([least, most]: Range): number {
    return Math.round(least + this.#next() * (most - least));
  }

  /** One of them, each as likely as it stands there often. */
  one<T>(first: T, ...others: readonly T[]): T {
    return [first, ...others][Math.floor(this.#next() * (others.length + 1))] ?? first;
  }
}

/** The same seed, minutes and number of control servers are the same schedule, on every machine. */
export function scheduleFrom(seed: number, minutes: number, containers: number): Schedule {
  const dice = new Dice(seed);
  const endsAtMs = Math.round(minutes * 60_000);
  const acts: Act[] = [];
  for (let atMs = 0; (atMs += dice.within(EVERY_MS.message)) < endsAtMs;)
    acts.push({ atMs, deed: { kind: 'send', pick: dice.within(ANY), content: contentFrom(dice) } });
  for (let atMs = 0; (atMs += dice.within(EVERY_MS.order)) < endsAtMs;) acts.push({ atMs, deed: deedFrom(dice) });
  for (let atMs = PHASE_MS.first; atMs < endsAtMs; atMs += dice.within(PHASE_MS.calm)) {
    const over = Math.min(endsAtMs, atMs + dice.within(PHASE_MS.storm));
    for (; atMs < over; atMs += dice.within(EVERY_MS.fault)) acts.push({ atMs, fault: faultFrom(dice, containers) });
  }
  return { seed, endsAtMs, acts: acts.toSorted((one, other) => one.atMs - other.atMs) };
}

const ANY: Range = [0, 999_983];

/** What the built-in agent knows to do; ever the same words, so that agents meet. */
function contentFrom(dice: Dice): string {
  const peer = dice.one('ada', 'bob', 'cyd');
  return dice.one(
    'hello',
    'hello',
    'whoami',
    `work ${dice.within([1, 4])}`,
    `delegate ${peer} work 1`,
    `mail ${peer} hi`,
  );
}

function deedFrom(dice: Dice): Deed {
  const pick = dice.within(ANY);
  // What ends a life is rarer than what begins one, so that the towns stay full.
  const order = dice.one<Exclude<Deed['kind'], 'send'>>(
    ...ORDERS,
    'create_agent',
    'create_agent',
    'create_agent',
    'start',
    'start',
  );
  const kind =
    dice.share() < 0.1 ? dice.one<Exclude<Deed['kind'], 'send'>>('create_town', 'create_town', 'delete_town') : order;
  return { kind, pick };
}

function faultFrom(dice: Dice, containers: number): Fault {
  const nth = dice.within([0, containers - 1]);
  const forMs = dice.within(SLEEP_MS);
  const drawn = dice.within([0, 13]);
  if (drawn === 0) return { kind: 'kill_container', nth };
  if (drawn === 1) return { kind: 'end_container', nth };
  if (drawn === 2) return { kind: 'freeze_container', nth, forMs };
  if (drawn === 3) return { kind: 'step_clock', nth, bySeconds: dice.one(-STEP_SECONDS, STEP_SECONDS, -60, 60) };
  if (drawn === 4) return { kind: 'kill_worker' };
  if (drawn === 5) return { kind: 'freeze_worker', forMs };
  if (drawn === 6) return { kind: 'edit_keys', edit: dice.one<KeyEdit>(...KEY_EDITS) };
  const way = dice.one<Way>('to_town', 'to_container');
  return {
    kind: 'lie',
    way,
    nth,
    lie: dice.one<Lie>(...LIES),
    share: 0.2 + dice.share() * 0.6,
    forMs: dice.within(LIE_MS),
  };
}
