import {
  PULL_TIMEOUT_MS,
  PULL_TRIES,
  issuedTokenSchema,
  isTerminal,
  type IssuedToken,
  type Pull,
  type TerminalCode,
} from '#protocol';
import type { SessionId } from '#protocol';
import { backoffMs, randomShare } from '#lib/backoff.ts';
import { pause } from '../lib/clock.ts';
import { isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import type { Secret } from '#lib/secret.ts';
import { requestTown, type TownAnswer } from './town-request.ts';
import type { Cell } from './cell.ts';
import type { RegistryEntry } from './registry.ts';

/** Where an agent's token is pulled, and what is shown there. */
export interface PullAddress {
  readonly url: string;
  readonly session: SessionId;
  readonly secret: Secret;
}

/**
 * `fresh`: the cell holds a newer token now. `failed`: it does not, and what was there stays (W-15). `over`: the town says that
 * this agent or incarnation is over. `unavailable`: there is no session to ask with; no request was made (W-06).
 */
export type PullOutcome =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'over'; readonly code: TerminalCode }
  | { readonly kind: 'unavailable' };

/** What was asked with, and when. */
interface Asked {
  readonly gen: number;
  readonly atMonoMs: number;
}

/** A try's end: an outcome, or a failure that another try may cure, after `retryAfterMs` at the earliest. */
type Try = PullOutcome | { readonly kind: 'again'; readonly reason: string; readonly retryAfterMs: number };

/**
 * After which outcomes the cell holds a newer token than before. `stale`: a push was faster, and what is held is newer still.
 * `unknown_agent`: torn down while the answer was on its way, so it is dropped (W-17).
 */
const IS_FRESH: Record<ReturnType<RegistryEntry['swap']>, boolean> = {
  applied: true,
  current: true,
  stale: true,
  conflict: false,
  incarnation_mismatch: false,
  unknown_agent: false,
};

const BACKOFF = { firstMs: 250, maxMs: 2_000, jitter: 'equal' } as const;

interface PullerParts {
  readonly platform: Platform;
  readonly cell: Cell;
  readonly entry: RegistryEntry;
  /** Asked at each pull; null once the session is over. */
  readonly address: () => PullAddress | null;
  readonly townNowMs: () => number;
  /** Takes over the time that the town answered with; `askedAtMonoMs` is when it was asked, by the monotonic clock. */
  readonly rebaseTownClock: (answeredAtTownMs: number, askedAtMonoMs: number) => void;
  readonly life: AbortSignal;
}

/** Fetches a fresh token for one agent: one flight at a time for all callers (W-07). */
export class Puller {
  readonly #parts: PullerParts;
  #flight: Promise<PullOutcome> | null = null;
  #failedAtMs: number | null = null;
  /** Flights in a row that failed, for each reason: a new reason is news. */
  readonly #failures = new Map<string, number>();

  constructor(parts: PullerParts) {
    this.#parts = parts;
  }

  /** Joins the flight under way, or starts one. It ends within `PULL_TIMEOUT_MS`, and so do all who wait. Never rejects. */
  pull(): Promise<PullOutcome> {
    this.#flight ??= this.#fly().finally(() => {
      this.#flight = null;
    });
    return this.#flight;
  }

  /** Whether a flight failed less than `ms` ago. */
  failedWithin(ms: number): boolean {
    return this.#failedAtMs !== null && this.#parts.platform.clock.monoMs() - this.#failedAtMs < ms;
  }

  async #fly(): Promise<PullOutcome> {
    const { clock } = this.#parts.platform;
    const outcome = await this.#tries(clock.monoMs() + PULL_TIMEOUT_MS);
    this.#failedAtMs = outcome.kind === 'failed' ? clock.monoMs() : null;
    if (!this.#parts.life.aborted) this.#report(outcome);
    return outcome;
  }

  /** Failures at first and then ever more rarely; their end once. */
  #report(outcome: PullOutcome): void {
    const { agent, inc } = this.#parts.cell;
    const { log } = this.#parts.platform;
    if (outcome.kind === 'failed') {
      const failures = (this.#failures.get(outcome.reason) ?? 0) + 1;
      this.#failures.set(outcome.reason, failures);
      if (isWorthALine(failures)) log.warn('pull_failed', { agent, inc, failures, reason: outcome.reason });
    } else if (outcome.kind === 'fresh') {
      if (this.#failures.size > 0) log.info('pull_succeeded', { agent, inc });
      this.#failures.clear();
    }
  }

  async #tries(deadlineMs: number): Promise<PullOutcome> {
    const { platform, life } = this.#parts;
    for (let tries = 1; ; tries += 1) {
      const outcome = await this.#try(deadlineMs - platform.clock.monoMs());
      if (outcome.kind !== 'again') return outcome;
      const failed = { kind: 'failed', reason: outcome.reason } as const;
      if (tries === PULL_TRIES) return failed;
      const waitMs = backoffMs(BACKOFF, tries, randomShare(platform.randomBytes), outcome.retryAfterMs);
      if (platform.clock.monoMs() + waitMs >= deadlineMs) return failed;
      if ((await pause(platform.clock, life, waitMs)) === 'ended') return failed;
    }
  }

  async #try(timeoutMs: number): Promise<Try> {
    const { platform, cell, address, life } = this.#parts;
    const from = address();
    const held = cell.token;
    if (from === null || held === null) return { kind: 'unavailable' };
    const body: Pull = { session: from.session, inc: cell.inc, gen: held.gen };
    const asked: Asked = { gen: held.gen, atMonoMs: platform.clock.monoMs() };
    const answer = await requestTown(platform, {
      method: 'POST',
      url: from.url,
      bearer: from.secret,
      body: JSON.stringify(body),
      answer: issuedTokenSchema,
      timeoutMs,
      life,
    });
    return this.#conclude(answer, asked);
  }

  #conclude(answer: TownAnswer<IssuedToken>, asked: Asked): Try {
    if (answer.kind === 'unreachable') return unusable(answer.reason === 'malformed' ? 'no token' : answer.reason);
    if (answer.kind === 'ok') return this.#take(answer.value, asked);
    if (answer.code !== null && isTerminal(answer.code)) return { kind: 'over', code: answer.code };
    const reason = `status ${answer.status}`;
    // Asking again with the same secret gets the same refusal; the caller's own backoff brings it back here later.
    return isTransient(answer.status)
      ? { kind: 'again', reason, retryAfterMs: answer.retryAfterMs }
      : { kind: 'failed', reason };
  }

  /**
   * Puts the token into the cell if it is one: for this agent and incarnation, newer, and not yet expired (W-16). Its time of issue
   * is the town's time now, because it was minted for this request.
   */
  #take(token: IssuedToken, asked: Asked): Try {
    if (!this.#isOurs(token)) return unusable('for another agent');
    // The town mints for each pull: the generation that was held, or an older one, is an answer that something kept.
    if (token.gen <= asked.gen) return unusable('not newer');
    this.#parts.rebaseTownClock(Date.parse(token.issued_at), asked.atMonoMs);
    if (Date.parse(token.expires_at) <= this.#parts.townNowMs()) return unusable('expired');
    const outcome = this.#parts.entry.swap(token);
    return IS_FRESH[outcome] ? { kind: 'fresh' } : { kind: 'failed', reason: outcome };
  }

  #isOurs(token: IssuedToken): boolean {
    return token.agent === this.#parts.cell.agent && token.inc === this.#parts.cell.inc;
  }
}

function unusable(reason: string): Try {
  return { kind: 'again', reason, retryAfterMs: 0 };
}

function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}
