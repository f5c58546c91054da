/** When a town says in numbers how it is: only where something was written since, and at most once in five minutes. */
import type { EventType } from '#protocol';
import type { PublishedFigures } from '../../directory/figures-store.ts';
import { earliestDue, type DueTimes } from './alarm-plan.ts';

/** Between two publications (ms). */
export const FIGURES_SPACING_MS = 5 * 60_000;
/** The same where a town rests that is unwell, or was when it was heard last (ms). */
const UNWELL_SPACING_MS = 60_000;

/** After one of these a town that rests may be worse than what it said last. */
const TROUBLE: readonly EventType[] = [
  'reeve.agent.failed',
  'reeve.agent.stalled',
  'reeve.agent.start_failed',
  'reeve.container.lost',
  'reeve.message.dead_lettered',
  'reeve.webhook.disabled',
];

/** Whether no agent is at work and nothing is due within the spacing: nothing more may be heard of this town for long. */
export function rests(due: DueTimes, nowMs: number): boolean {
  return due.sweep === null && (earliestDue(due) ?? Number.POSITIVE_INFINITY) > nowMs + FIGURES_SPACING_MS;
}

/**
 * What this object knows of what the town has said, in memory only: another one asks the directory with its first write.
 *
 * A town at work is heard of again soon, so what it says may be five minutes old. One that comes to rest is perhaps not heard of for
 * days: where what it said last is that it was at work, it says at once how it rests; where it was unwell, or trouble came since, within
 * a minute of the last time at the earliest.
 */
export class FiguresPlan {
  readonly #written: () => number;
  #published: PublishedFigures | null | undefined;
  /** Rows that the connection had changed when the figures were last computed. */
  #checked = 0;
  #hasTrouble = false;
  #alarmLagMs = 0;
  #notBeforeMs = 0;

  /** `written`: rows that this object has changed so far. */
  constructor(written: () => number) {
    this.#written = written;
  }

  /** An event was appended; its transaction may be rolled back yet, which costs a look. */
  appended(type: EventType): void {
    if (TROUBLE.includes(type)) this.#hasTrouble = true;
  }

  /** The alarm rang for what was due then, or for nothing. */
  alarmRang(dueAtMs: number | null, nowMs: number): void {
    if (dueAtMs !== null) this.#alarmLagMs = Math.max(this.#alarmLagMs, nowMs - dueAtMs);
  }

  /** The longest that something due has waited for the alarm since the last publication of this object (ms). */
  get alarmLagMs(): number {
    return this.#alarmLagMs;
  }

  /** Whether the town is to say how it is. Asked at the end of each request: reads no row. */
  isDue(due: DueTimes, nowMs: number): boolean {
    // Whether something was written is a query: asked only where all else has it due.
    return nowMs >= this.#notBeforeMs && this.#isTime(due, nowMs) && this.#written() !== this.#checked;
  }

  #isTime(due: DueTimes, nowMs: number): boolean {
    if (this.#published === undefined || this.#published === null) return true;
    const { atMs, figures } = this.#published;
    // A clock that was set back counts as time that has passed.
    if (nowMs >= atMs + FIGURES_SPACING_MS || nowMs < atMs) return true;
    if (!rests(due, nowMs)) return false;
    if (figures.rests !== 1) return true;
    return (figures.status !== 0 || this.#hasTrouble) && nowMs >= atMs + UNWELL_SPACING_MS;
  }

  /** What was said last: `ask` is called once in the life of this object. Null: it could not be asked. */
  async known(
    ask: () => Promise<{ readonly value: PublishedFigures | null } | null>,
  ): Promise<{ readonly value: PublishedFigures | null } | null> {
    if (this.#published === undefined) this.#published = (await ask())?.value;
    return this.#published === undefined ? null : { value: this.#published };
  }

  /** The figures are computed from what is written by now. */
  computed(): void {
    this.#checked = this.#written();
    this.#hasTrouble = false;
  }

  published(published: PublishedFigures): void {
    this.#published = published;
    this.#alarmLagMs = 0;
  }

  /** The directory was not reached: it is tried again with a request after the pause. */
  notReached(nowMs: number): void {
    this.#checked = -1;
    this.#notBeforeMs = nowMs + FIGURES_SPACING_MS;
  }
}
