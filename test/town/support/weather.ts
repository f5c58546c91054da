/**
 * Bad weather on order: records which effects a stretch of work reaches, and cuts one of them. Shared by all objects of the
 * isolate and by the containers of the lab; only what belongs to the watched town is recorded and cut. `cuts.ts` stands in the way of each effect and asks here.
 */
import type { TownId } from '../../../src/protocol/index.ts';
import { lab, nextTurn } from './lab.ts';
import {
  CALL_EFFECTS,
  isWrite,
  OBJECT_EFFECTS,
  TOWN_EFFECTS,
  AGENT_CALL_FAULTS,
  PUSH_FAULTS,
  type Effects,
  type Fault,
  type WireFault,
} from './effects.ts';

/** Whose effect it is. */
export type Layer = 'town' | 'call' | 'object' | 'push' | 'agent call';

/** One effect as it was reached: `nth` of its name, from 1. */
interface Place {
  readonly layer: Layer;
  readonly effect: string;
  readonly nth: number;
}

/** Whether it is the first, or the last, effect of a stretch without an await. */
export interface Reached extends Place {
  readonly opens: boolean;
  readonly ends: boolean;
}

/** One cut. */
export interface Strike extends Place {
  readonly fault: Fault | WireFault;
}

/** Every effect of an object's ports, with the faults that it may meet. */
export const EFFECTS: Readonly<Record<'town' | 'call' | 'object', Effects>> = {
  town: TOWN_EFFECTS,
  call: CALL_EFFECTS,
  object: OBJECT_EFFECTS,
};

/** What is never answered. */
export const never = (): Promise<never> => new Promise(() => undefined);

/**
 * Every fault that can be ordered at an effect. The writes of a stretch without an await are stored together or not at all, so
 * to die within it is to die before the first of them, and to die when they are stored is to die after the last.
 */
export function faultsAt({ layer, effect, opens, ends }: Reached): readonly (Fault | WireFault)[] {
  if (layer === 'push') return PUSH_FAULTS;
  if (layer === 'agent call') return AGENT_CALL_FAULTS;
  const faults = EFFECTS[layer][effect] ?? [];
  if (typeof faults === 'string') return [];
  if (!isWrite(faults)) return faults;
  return faults.filter((fault) => fault === 'breaks after' || (fault === 'dies after' ? ends : opens));
}

class Weather {
  #town: TownId | null = null;
  #strike: Strike | null = null;
  #counts = new Map<string, number>();
  #trace: { -readonly [Key in keyof Reached]: Reached[Key] }[] = [];
  #awaited = true;
  /** Async effects under way, by the object that waits for them; those of a dead object belong to none. */
  readonly #underWay = new Map<string, number>();
  readonly #hung = new WeakSet<Promise<unknown>>();
  #down = false;
  /** The ordered fault has happened. */
  struck = false;
  /** A control server died and another one came up, which has not said hello yet. */
  helloDue = false;

  /** A new world: no object waits for anything. */
  clear(): void {
    this.#underWay.clear();
    this.helloDue = false;
    this.end();
  }

  /** From here on the effects of this town are recorded, and one of them is cut. */
  begin(town: TownId, strike: Strike | null): void {
    this.#town = town;
    this.#strike = strike;
    this.#counts = new Map();
    this.#trace = [];
    this.struck = false;
    this.helloDue = false;
  }

  /** What was reached so far. */
  get trace(): readonly Reached[] {
    return this.#trace;
  }

  end(): void {
    this.#town = null;
    this.#strike = null;
  }

  /** Whether something is still on its way: in an object, in a container or between them. */
  get busy(): boolean {
    return lab.busy > 0 || [...this.#underWay.values()].some((count) => count > 0);
  }

  /** For a person who reads why it failed. */
  describe(): string {
    const waiting = [...this.#underWay].filter(([, count]) => count > 0).map(([instance]) => instance);
    return `${lab.busy} in the lab, ${waiting.join(', ')}`;
  }

  /** Counts an effect; answers the fault that is ordered here. */
  reach(town: string, layer: Layer, effect: string): Strike['fault'] | null {
    if (town !== this.#town) return null;
    const name = `${layer} ${effect}`;
    const nth = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, nth);
    const before = this.#trace.at(-1);
    if (before !== undefined) before.ends = this.#awaited;
    this.#trace.push({ layer, effect, nth, opens: this.#awaited, ends: true });
    this.#awaited = false;
    queueMicrotask(() => (this.#awaited = true));
    const strike = this.#strike;
    if (this.struck || strike?.layer !== layer || strike.effect !== effect || strike.nth !== nth) return null;
    this.struck = true;
    return strike.fault;
  }

  /** A call without an answer. */
  hang(): Promise<never> {
    const call = never();
    this.#hung.add(call);
    return call;
  }

  isHung(call: Promise<unknown>): boolean {
    return this.#hung.has(call);
  }

  /** Waits until the test has put the town down. */
  async untilPutDown(): Promise<void> {
    this.#down = false;
    while (!this.#down) await nextTurn();
  }

  /** The town is down; what waited for that goes on. */
  isDown(town: TownId): void {
    this.forget(`town ${town}`);
    this.#down = true;
  }

  wait(instance: string, change: 1 | -1): void {
    this.#underWay.set(instance, (this.#underWay.get(instance) ?? 0) + change);
  }

  forget(instance: string): void {
    this.#underWay.delete(instance);
  }
}

export const weather = new Weather();
