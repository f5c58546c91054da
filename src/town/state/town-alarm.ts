import { GUARD_MS, mustRearm, planAlarm, type DueTimes } from './alarm-plan.ts';
import { UnmovedDue, type Run } from './unmoved-due.ts';

/** What the alarm needs of the platform. */
interface AlarmContext {
  readonly storage: Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm' | 'deleteAlarm'>;
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/** The one alarm of a town. Times in ms. */
export class TownAlarm {
  readonly #ctx: AlarmContext;
  /** When it fires, as far as this object knows, so that a transaction can tell without an await; undefined: not known. */
  #at: number | null | undefined;
  readonly #unmoved = new UnmovedDue();

  constructor(ctx: AlarmContext) {
    this.#ctx = ctx;
  }

  /** Before work that takes long: if the object dies in it, the alarm fires. */
  guard(nowMs: number): Promise<void> {
    this.#at = nowMs + GUARD_MS;
    return this.#ctx.storage.setAlarm(this.#at);
  }

  /**
   * In a transaction, after its writes: what they made due is due after a crash too, because the alarm for it commits with them
   * (T5). The request that wrote does the work now, so it fires no earlier than a guard does; the end of the request sets
   * the exact time. Where the alarm is not known, one that was set earlier is put off by a guard at most.
   */
  cover(wanted: () => number | null, nowMs: number): void {
    // Within a guard it fires early enough for anything, so what is due need not be known.
    if (typeof this.#at === 'number' && this.#at <= nowMs + GUARD_MS) return;
    this.#cover(wanted(), nowMs);
  }

  #cover(wanted: number | null, nowMs: number): void {
    if (wanted === null) return;
    const at = Math.max(wanted, nowMs + GUARD_MS);
    if (typeof this.#at === 'number' && this.#at <= at) return;
    this.#at = at;
    this.#ctx.waitUntil(this.#ctx.storage.setAlarm(at));
  }

  /** When it has to fire for what is due, or null. */
  wanted(due: DueTimes, nowMs: number): number | null {
    return planAlarm(this.#unmoved.putOff(due), nowMs);
  }

  /** A run came to its end. Returns what was due in it and in the one before, and did not move: it is put off. */
  learn(run: Run): (keyof DueTimes)[] {
    return this.#unmoved.learn(run);
  }

  /** A transaction rolled back, and what it set with it. */
  forget(): void {
    this.#at = undefined;
  }

  /** Asks the platform: the alarm may be lost. */
  async read(): Promise<void> {
    this.#at = await this.#ctx.storage.getAlarm();
  }

  /** Sets it, or none, against what was read. `exact` also where the one that is set fires too early. */
  async plan(wanted: number | null, nowMs: number, exact: boolean): Promise<void> {
    const at = this.#at ?? null;
    const stays = exact ? at === wanted : !mustRearm(at, wanted, nowMs);
    if (stays) return;
    this.#at = wanted;
    await (wanted === null ? this.#ctx.storage.deleteAlarm() : this.#ctx.storage.setAlarm(wanted));
  }
}
