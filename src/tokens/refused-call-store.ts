/**
 * Table `refused_calls`: calls of an agent that the town refused, each made with a token of that agent which was verified. Counted by
 * reason and generation in memory, and written at most once a minute for each reason: a client that repeats a refused call costs the
 * town a row a minute. What an object that was evicted had counted since is lost; that the calls were refused is not.
 */
import { MAX_AGENTS_PER_TOWN, type AgentId, type CallRefusalReason } from '#protocol';
import { parseJson } from '#lib/json.ts';

/** Calls with one generation that were refused for one reason. */
export interface RefusedCalls {
  readonly reason: CallRefusalReason;
  readonly gen: number;
  readonly atMs: number;
  readonly lastAtMs: number;
  readonly count: number;
}

/** Of one agent; past it those that came longest ago are forgotten. */
const MOST_KEPT = 40;
/** Agents whose refusals are remembered between two writes: as many as live in a town. */
const MOST_KNOWN = MAX_AGENTS_PER_TOWN;
const WRITTEN_EVERY_MS = 60_000;

/** What is counted of one agent, and when it was written for each reason. */
interface Counted {
  readonly calls: readonly RefusedCalls[];
  readonly writtenAtMs: ReadonlyMap<CallRefusalReason, number>;
}

/** Refused calls by agent. Synchronous. */
export class RefusedCallStore {
  readonly #sql: SqlStorage;
  /** In the order of their last refusals. */
  readonly #known = new Map<AgentId, Counted>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The last that was refused comes first. */
  list(agent: AgentId): readonly RefusedCalls[] {
    return this.#known.get(agent)?.calls ?? this.#read(agent);
  }

  /** A call was refused. Writes where none was written for this reason in the last minute. */
  record(agent: AgentId, reason: CallRefusalReason, gen: number, nowMs: number): void {
    const { calls, writtenAtMs } = this.#known.get(agent) ?? this.#stored(agent);
    const isSame = (one: RefusedCalls): boolean => one.reason === reason && one.gen === gen;
    const before = calls.find(isSame) ?? { reason, gen, atMs: nowMs, count: 0 };
    const counted = { ...before, lastAtMs: nowMs, count: before.count + 1 };
    const now = [counted, ...calls.filter((one) => !isSame(one))].slice(0, MOST_KEPT);
    // A clock that was set back makes a write, and no silence.
    const isDue = Math.abs(nowMs - (writtenAtMs.get(reason) ?? -Infinity)) >= WRITTEN_EVERY_MS;
    this.#remember(agent, { calls: now, writtenAtMs: isDue ? new Map(writtenAtMs).set(reason, nowMs) : writtenAtMs });
    if (isDue) {
      const write = `INSERT INTO refused_calls (agent, calls) VALUES (?1, ?2) ON CONFLICT (agent) DO UPDATE SET calls = ?2`;
      this.#sql.exec(write, agent, JSON.stringify(now));
    }
  }

  /** With its agent. */
  remove(agent: AgentId): void {
    this.#known.delete(agent);
    this.#sql.exec('DELETE FROM refused_calls WHERE agent = ?', agent);
  }

  #remember(agent: AgentId, counted: Counted): void {
    this.#known.delete(agent);
    this.#known.set(agent, counted);
    const [first] = this.#known.keys();
    if (this.#known.size > MOST_KNOWN && first !== undefined) this.#known.delete(first);
  }

  /** As another object left it, which was written when the last of each reason came. */
  #stored(agent: AgentId): Counted {
    const calls = this.#read(agent);
    return { calls, writtenAtMs: new Map(calls.toReversed().map(({ reason, lastAtMs }) => [reason, lastAtMs])) };
  }

  #read(agent: AgentId): readonly RefusedCalls[] {
    const query = 'SELECT calls FROM refused_calls WHERE agent = ?';
    const row = this.#sql.exec<{ calls: string }>(query, agent).toArray()[0];
    // Nothing else is ever written there.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return row === undefined ? [] : ((parseJson(row.calls) ?? []) as RefusedCalls[]);
  }
}
