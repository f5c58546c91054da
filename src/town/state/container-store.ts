/** Table `containers`: what the town knows of each of its containers. */
import { MAX_AGENTS_PER_TOWN, type SessionId } from '#protocol';
import { KeptRows } from '#lib/kept-rows.ts';

/** What the town knows of one container. */
export interface ContainerRecord {
  readonly index: number;
  /** The session that the town's agents were started in, or null: before the first, or after the container was abandoned. */
  readonly session: SessionId | null;
  /** When that session was taken into use; null: there is none, or it is older than the column. */
  readonly openedAtMs: number | null;
  /** Since when it is known not to run, or null: it answered since, or was not asked. */
  readonly asleepSinceMs: number | null;
  /** After a timeout nothing but a person's request goes there before this. */
  readonly backoffUntilMs: number;
  readonly failures: number;
  /** After a restore of the database: when a new session is asked for again, or null. */
  readonly renewDueAtMs: number | null;
  readonly renewTries: number;
  /** When it is asked next which agents run there, or null: it is not in doubt. */
  readonly probeAtMs: number | null;
  /** How often it was asked in a row without an answer. */
  readonly probeTries: number;
  /** Since when it has been silent, and its agents too, though it was asked; null: it is not. */
  readonly unheardSinceMs: number | null;
  /** Since when it is abandoned, or null. */
  readonly lostAtMs: number | null;
  /** Since when its control server refuses what the town signs, or null: it accepted the last request that reached it. */
  readonly refusedSinceMs: number | null;
  /** How often in a row a sign of life lifted its backoff, and from when on the next one may. */
  readonly lifts: number;
  readonly liftFromMs: number;
  /** The town backed off from it, and no sign of life has been seen since. */
  readonly missed: boolean;
}

type Row = {
  idx: number;
  session: SessionId | null;
  opened_at_ms: number | null;
  asleep_since_ms: number | null;
  held_until_ms: number;
  failures: number;
  renew_due_at_ms: number | null;
  renew_tries: number;
  probe_at_ms: number | null;
  probe_tries: number;
  unheard_since_ms: number | null;
  lost_at_ms: number | null;
  refused_since_ms: number | null;
  lifts: number;
  lift_from_ms: number;
  missed: number;
};

/** Table `containers`: sessions, backoffs and probes by index. */
export class ContainerStore {
  readonly #sql: SqlStorage;
  readonly #kept = new KeptRows<number, ContainerRecord>(MAX_AGENTS_PER_TOWN);

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(index: number): ContainerRecord | null {
    return this.#kept.get(index, () => this.#many('SELECT * FROM containers WHERE idx = ?', index)[0] ?? null);
  }

  /** What was written since the last commit was rolled back, or the table is gone. */
  forget(): void {
    this.#kept.forgetAll();
  }

  list(): ContainerRecord[] {
    return this.#many('SELECT * FROM containers ORDER BY idx');
  }

  ensure(index: number): void {
    this.#sql.exec('INSERT INTO containers (idx) VALUES (?) ON CONFLICT (idx) DO NOTHING', index);
  }

  /** Takes a session into use; it answered, so its failures are forgotten. */
  opened(index: number, session: SessionId, nowMs: number): void {
    this.#write(
      index,
      `UPDATE containers SET session = ?, opened_at_ms = ?, asleep_since_ms = NULL, held_until_ms = 0, failures = 0, missed = 0, probe_at_ms = NULL, probe_tries = 0,
         unheard_since_ms = NULL, lost_at_ms = NULL WHERE idx = ?`,
      session,
      nowMs,
      index,
    );
  }

  /** It does not run; the first of a row is remembered. */
  asleep(index: number, nowMs: number): void {
    this.#write(
      index,
      'UPDATE containers SET asleep_since_ms = ? WHERE idx = ? AND asleep_since_ms IS NULL',
      nowMs,
      index,
    );
  }

  /** It answered. Writes only where there was a failure, or its sleep, to forget. */
  answered(index: number): void {
    const { failures = 0, unheardSinceMs = null, asleepSinceMs = null } = this.get(index) ?? {};
    if (failures === 0 && unheardSinceMs === null && asleepSinceMs === null) return;
    this.#write(
      index,
      `UPDATE containers SET held_until_ms = 0, failures = 0, missed = 0, unheard_since_ms = NULL, asleep_since_ms = NULL
       WHERE idx = ?`,
      index,
    );
  }

  /** An agent in it called, so it is running, even if requests to it still fail. Writes only if it counted as silent. */
  alive(index: number): void {
    const { unheardSinceMs = null } = this.get(index) ?? {};
    if (unheardSinceMs === null) return;
    this.#write(index, 'UPDATE containers SET unheard_since_ms = NULL WHERE idx = ?', index);
  }

  /** It was asked and did not answer; the first of a row is remembered. */
  unanswered(index: number, nowMs: number): void {
    this.#write(
      index,
      'UPDATE containers SET unheard_since_ms = COALESCE(unheard_since_ms, ?) WHERE idx = ?',
      nowMs,
      index,
    );
  }

  /** It answered 401; the first of a row is remembered. */
  refused(index: number, nowMs: number): void {
    this.#write(
      index,
      'UPDATE containers SET refused_since_ms = ? WHERE idx = ? AND refused_since_ms IS NULL',
      nowMs,
      index,
    );
  }

  /** After a failure nothing is sent there unasked before `untilMs`; no sign of life lifts that before `liftFromMs`. */
  backOff(index: number, untilMs: number, liftFromMs: number): void {
    this.#write(
      index,
      `UPDATE containers SET held_until_ms = ?, failures = failures + 1, missed = 1, lift_from_ms = MAX(lift_from_ms, ?)
       WHERE idx = ?`,
      untilMs,
      liftFromMs,
      index,
    );
  }

  /** It accepted a request. */
  accepted(index: number): void {
    this.#write(index, 'UPDATE containers SET refused_since_ms = NULL WHERE idx = ?', index);
  }

  /** A sign of life shortens the backoff to `atMs`, which may be now; the failures stay counted until it answers. */
  lift(index: number, atMs: number, lifts: number, liftFromMs: number): void {
    this.#write(
      index,
      `UPDATE containers SET held_until_ms = MIN(held_until_ms, ?), missed = 0, lifts = ?, lift_from_ms = ?
       WHERE idx = ?`,
      atMs,
      lifts,
      liftFromMs,
      index,
    );
  }

  /** When its new session is asked for again, after how many failures; null: it has one. */
  planRenewal(index: number, atMs: number | null, tries: number): void {
    this.#write(index, 'UPDATE containers SET renew_due_at_ms = ?, renew_tries = ? WHERE idx = ?', atMs, tries, index);
  }

  renewalsDue(nowMs: number): number[] {
    return this.#many('SELECT * FROM containers WHERE renew_due_at_ms <= ?', nowMs).map(({ index }) => index);
  }

  earliestRenewal(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT MIN(renew_due_at_ms) AS at FROM containers').one().at;
  }

  /** Plans the next probe, or clears the plan. */
  planProbe(index: number, atMs: number | null, tries: number): void {
    this.#write(index, 'UPDATE containers SET probe_at_ms = ?, probe_tries = ? WHERE idx = ?', atMs, tries, index);
  }

  /** Abandoned: its session is given up, so no other one is owed, and it is asked again at `probeAtMs`. */
  lose(index: number, nowMs: number, probeAtMs: number): void {
    this.#write(
      index,
      `UPDATE containers SET session = NULL, opened_at_ms = NULL, lost_at_ms = ?, unheard_since_ms = NULL, probe_at_ms = ?, probe_tries = 0,
         renew_due_at_ms = NULL, renew_tries = 0 WHERE idx = ?`,
      nowMs,
      probeAtMs,
      index,
    );
  }

  lost(): number[] {
    return this.#many('SELECT * FROM containers WHERE lost_at_ms IS NOT NULL').map(({ index }) => index);
  }

  /** Containers to be asked now; those that are lost only where `lostToo`. */
  probesDue(nowMs: number, lostToo: boolean): number[] {
    return this.#many(
      `SELECT * FROM containers WHERE probe_at_ms <= ? AND (lost_at_ms IS NULL OR ?) ORDER BY probe_at_ms`,
      nowMs,
      Number(lostToo),
    ).map(({ index }) => index);
  }

  earliestProbe(lostToo: boolean): number | null {
    const query = 'SELECT MIN(probe_at_ms) AS at FROM containers WHERE lost_at_ms IS NULL OR ?';
    return this.#sql.exec<{ at: number | null }>(query, Number(lostToo)).one().at;
  }

  #write(index: number, query: string, ...bindings: SqlStorageValue[]): void {
    this.#kept.forget(index);
    this.#sql.exec(query, ...bindings);
  }

  #many(query: string, ...bindings: SqlStorageValue[]): ContainerRecord[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map((row) => ({
        index: row.idx,
        session: row.session,
        openedAtMs: row.opened_at_ms,
        asleepSinceMs: row.asleep_since_ms,
        backoffUntilMs: row.held_until_ms,
        failures: row.failures,
        renewDueAtMs: row.renew_due_at_ms,
        renewTries: row.renew_tries,
        probeAtMs: row.probe_at_ms,
        probeTries: row.probe_tries,
        unheardSinceMs: row.unheard_since_ms,
        lostAtMs: row.lost_at_ms,
        refusedSinceMs: row.refused_since_ms,
        lifts: row.lifts,
        liftFromMs: row.lift_from_ms,
        missed: row.missed === 1,
      }));
  }
}
