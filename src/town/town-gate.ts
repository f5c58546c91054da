import type { TownView } from '#protocol';
import { TimeUp, systemClock, within } from '#lib/clock.ts';
import { isMigrated, migrate } from '#lib/migrate.ts';
import { err, ok, type Result } from '#lib/result.ts';
import { GUARD_MS, RUN_BUDGET_MS, earliestDue, shouldPublish } from './state/alarm-plan.ts';
import { createTown } from './create-town.ts';
import { recordInterval } from './credentials/record-interval.ts';
import { recordKeySet } from './credentials/record-key-set.ts';
import type { TownPorts } from './ports.ts';
import { readTown } from './read-town.ts';
import { rearm, type RunBegun } from './alarm/rearm.ts';
import { beginRemoval, confirmAll, finishRemoval } from './remove-town.ts';
import { noticeRestore } from './restore-town.ts';
import { TOWN_SCHEMA } from './state/schema.ts';
import { WHOLE_TOWN_SCHEMA } from './state/whole-schema.ts';
import type { TownRecord } from './state/town-store.ts';
import { dueTimes, runDue, runIsolated } from './alarm/run-due.ts';
import { publishDue } from './alarm/publish-due.ts';
import { publishFigures } from './alarm/publish-figures.ts';
import { tendWebhooks } from './webhooks/post-events.ts';

/** A person who deletes a town waits at most this long (ms) for its containers. */
const REMOVAL_WAIT_MS = 8000;

/** The town was never created, or is gone. */
export type Missing = 'not_found';
/** The town is about to go back to an earlier state, or it cannot be known whether it has: whoever calls may come again. */
export type Closed = 'closed';
/** What a call comes to: a value, or why not; every call may meet a town that is not there, or that answers none. */
export type Answered<T, E = never> = Promise<Result<T, E | Missing | Closed>>;

/**
 * The way into a town. Every request passes here: it finds the town, works, and leaves the alarm set for whatever is due
 * afterwards (T5, S-06). A town that was never created is missing, and nothing is written for it.
 */
export class TownGate {
  readonly #ctx: Pick<DurableObjectState, 'storage' | 'waitUntil'>;
  readonly #ports: TownPorts | null;
  /** Whether it is known in which state this object woke up. */
  #isUp = false;

  /** `ports` null: the deployment is misconfigured, and every request throws. */
  constructor(ctx: Pick<DurableObjectState, 'storage' | 'waitUntil'>, ports: TownPorts | null) {
    // A town that was never created has no tables, and gets none by being asked.
    if (isMigrated(ctx.storage.sql)) migrate(ctx.storage, TOWN_SCHEMA);
    this.#ctx = ctx;
    this.#ports = ports;
  }

  /** Makes this town exist. Idempotent; one that was deleted before this came does not outlive it. */
  async create(town: Pick<TownRecord, 'name' | 'owner'>): Promise<TownView> {
    const p = this.ports();
    migrate(this.#ctx.storage, TOWN_SCHEMA, WHOLE_TOWN_SCHEMA);
    createTown(p, town);
    const made = readTown(p);
    await this.leave(p);
    // A deletion marks the directory first: one that is not seen here comes to this object after its rows are there.
    if ((await p.directory.holds()) === false) await this.remove();
    return made;
  }

  /** The directory has it as due then: finishes its creation, and sets its alarm for what is due. */
  async watch(said: Pick<TownRecord, 'name' | 'owner'> & { readonly nextDueAtMs: number | null }): Promise<void> {
    const p = this.ports();
    // It may have been deleted since its entry was read.
    if (!this.exists(p) && (await p.directory.holds()) !== true) return;
    if (!this.exists(p)) await this.create(said);
    await this.run((to) => ok(to.town.published(said.nextDueAtMs)));
  }

  async run<T, E>(work: (p: TownPorts) => Result<T, E> | Promise<Result<T, E>>): Answered<T, E> {
    const p = this.ports();
    if (this.exists(p)) await this.#comeUp(p);
    if (!this.exists(p)) return err('not_found');
    if (!this.#isUp || p.recovery.isUnderWay()) return err('closed');
    recordKeySet(p);
    recordInterval(p);
    try {
      return await work(p);
    } finally {
      await this.leave(p);
    }
  }

  /** Does what is due, and leaves the alarm set for what comes next. Misconfigured, it only tries again later. */
  async onAlarm(): Promise<void> {
    if (this.#ports === null) return this.#ctx.storage.setAlarm(systemClock.now() + GUARD_MS);
    const p = this.ports();
    if (!this.#isThere(p) || p.recovery.isUnderWay()) return;
    const run = { startedAtMs: p.clock.now(), before: dueTimes(p) };
    p.figures.alarmRang(earliestDue(run.before), run.startedAtMs);
    await p.alarm.guard(run.startedAtMs);
    // Goes on where the directory is not reached: a token that is sent out is accepted only once calls are.
    await this.#comeUp(p);
    // Published before the work: if every run of it dies, and the alarm with them, the watchdog knows.
    this.#publish(p, earliestDue(run.before));
    recordKeySet(p);
    recordInterval(p);
    await this.#runDue(p);
    if (!this.exists(p)) await runIsolated(p, 'remove', () => finishRemoval(p));
    await this.leave(p, run);
  }

  /** Does what is due, for as long as a run may last. */
  async #runDue(p: TownPorts): Promise<void> {
    // What hangs goes on behind the run: its due time is stored, and what comes due meanwhile is not kept waiting (T7).
    await this.briefly(p, 'due', RUN_BUDGET_MS, runDue(p));
  }

  /** Waits for `work`, but no longer than `ms`: then it goes on behind the answer. */
  async briefly(p: TownPorts, name: string, ms: number, work: Promise<void>): Promise<void> {
    try {
      await within(ms, work, p.after);
    } catch (thrown) {
      if (!(thrown instanceof TimeUp)) throw thrown;
      this.meanwhile(p, name, () => work);
    }
  }

  /** Ends the town. Returns whether nothing of it is left; otherwise it goes on behind the answer, and by the alarm. */
  async remove(): Promise<boolean> {
    const p = this.ports();
    // Wiped before, but for its entry in the directory; or never made.
    if (!this.#isThere(p)) return p.directory.remove();
    beginRemoval(p);
    const work = runIsolated(p, 'remove', () => confirmAll(p).then(() => finishRemoval(p))).then(() => this.leave(p));
    this.#ctx.waitUntil(work);
    return within(REMOVAL_WAIT_MS, work).then(
      () => !this.#isThere(p),
      () => false,
    );
  }

  /** Goes on behind the answer. What it leaves undone is in storage with its due time. */
  meanwhile(p: TownPorts, work: string, run: () => Promise<void>): void {
    this.#ctx.waitUntil(runIsolated(p, work, run).then(() => this.leave(p)));
  }

  /** The alarm is set for what is due, exactly at the end of its own `run`; the directory is informed after the answer. */
  async leave(p: TownPorts, run: RunBegun | null = null): Promise<void> {
    // Wiped meanwhile: there is nothing to be due. Going back: nor is what this state has.
    if (!this.#isThere(p) || p.recovery.isUnderWay()) return;
    const webhooks = p.webhooks.takeFresh();
    if (webhooks.length > 0) this.meanwhile(p, 'webhooks', () => tendWebhooks(p, webhooks));
    const due = await rearm(p, run);
    this.#publish(p, earliestDue(due));
    if (this.exists(p) && p.figures.isDue(due, p.clock.now())) {
      this.#ctx.waitUntil(runIsolated(p, 'figures', () => publishFigures(p)));
    }
  }

  /** Publishes to the directory when something is due, if that differs from what it has. */
  #publish(p: TownPorts, dueAtMs: number | null): void {
    // One that is being deleted is due in the directory until its entry goes.
    if (!this.exists(p) || !shouldPublish(p.town.get()?.publishedDueAtMs ?? null, dueAtMs, p.clock.now())) return;
    this.#ctx.waitUntil(runIsolated(p, 'publish', () => publishDue(p)));
  }

  /** Asks once in which state this object woke up: an earlier one may accept what was refused since. */
  async #comeUp(p: TownPorts): Promise<void> {
    if (!this.#isUp && (await noticeRestore(p))) this.#isUp = true;
  }

  ports(): TownPorts {
    if (this.#ports === null) throw new Error('misconfigured');
    return this.#ports;
  }

  /** Whether this town was created, and is not being deleted. */
  exists(p: TownPorts): boolean {
    return this.#isThere(p) && p.town.get()?.removalDueAtMs === null;
  }

  /** Whether anything of this town is stored. */
  #isThere(p: TownPorts): boolean {
    return p.town.exists();
  }
}
