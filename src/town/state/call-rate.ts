import { MAX_CALLS_PER_MINUTE, type AgentId } from '#protocol';

const MINUTE_MS = 60_000;

/**
 * How often each agent calls. A window of a minute, the same for all agents of the town, in memory only: a write for each call
 * would cost more than the call. An object that was evicted counts anew; that takes ten seconds without a call of any agent,
 * so it bounds the load of a town all the same.
 */
export class CallRate {
  #startedAtMs = 0;
  readonly #calls = new Map<AgentId, number>();

  /** Counts a call. `refused_first` is the first of a window that is too many: one line of the log for all of them. */
  take(agent: AgentId, nowMs: number): 'taken' | 'refused_first' | 'refused' {
    if (nowMs - this.#startedAtMs >= MINUTE_MS || nowMs < this.#startedAtMs) {
      this.#startedAtMs = nowMs;
      this.#calls.clear();
    }
    const calls = (this.#calls.get(agent) ?? 0) + 1;
    this.#calls.set(agent, calls);
    if (calls <= MAX_CALLS_PER_MINUTE) return 'taken';
    return calls === MAX_CALLS_PER_MINUTE + 1 ? 'refused_first' : 'refused';
  }
}
