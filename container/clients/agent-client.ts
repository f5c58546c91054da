/**
 * The one way by which anything in this process calls the town as an agent (M-05). A call, always the same:
 * 1. if the token is inside its window, refresh ahead;
 * 2. read the cell, send;
 * 3. on 401 re-read the cell; if the generation changed, send once more with it (M-01, M-03);
 * 4. else pull once, and send once more if that changed it. Never a third time (M-02);
 * 5. a terminal code ends the client; 403 never refreshes (W-14); after five 401 in a row it tries once a minute, and so it does
 *    after five failures of any kind once its token has expired (S-24).
 */
import { isTerminal, type AnswerSchema, type TerminalCode } from '#protocol';
import type { Platform } from '../lib/platform.ts';
import { requestTown, type TownAnswer } from './town-request.ts';
import type { Cell, HeldToken } from './cell.ts';
import type { Puller } from './puller.ts';

/** One call; it becomes two requests at most. */
export interface AgentCall<T> {
  readonly method: 'GET' | 'POST';
  /** Under the town's origin, from the slash on. */
  readonly path: string;
  /** JSON text, because it may be sent twice; null for none. */
  readonly body: string | null;
  /** What a 2xx has to say to count as one. */
  readonly answer: AnswerSchema<T>;
  /** Of each of the two requests that a call may make. */
  readonly timeoutMs: number;
  /** Of the turn that it is made in, where it is made in one. */
  readonly traceparent?: string | null;
}

/**
 * `ok`: a 2xx that says what it has to, the only success (M-04). `refused`: any other last answer; `code` is null where it is no
 * problem document, so that it may be none of the town. `unreachable`: no answer of the town. `paused`: nothing was sent, the
 * next try is due in `retryAfterMs`. `over`: nothing will be sent any more; `code` is null after a teardown.
 */
export type CallOutcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string | null; readonly retryAfterMs: number }
  | { readonly kind: 'unreachable'; readonly reason: 'network' | 'timeout' | 'malformed' }
  | { readonly kind: 'paused'; readonly retryAfterMs: number }
  | { readonly kind: 'over'; readonly code: TerminalCode | null };

/** So many 401 in a row say that trying often does not help (W-13). */
const REFUSALS_BEFORE_PAUSE = 5;
const PAUSE_MS = 60_000;
/** After a pull that failed, calls go out with what is there for so long before one of them refreshes ahead again. */
const REFRESH_AHEAD_REST_MS = 15_000;

interface ClientParts {
  readonly platform: Platform;
  readonly apiUrl: string;
  readonly cell: Cell;
  readonly puller: Puller;
  readonly townNowMs: () => number;
  readonly life: AbortSignal;
}

/** Calls the town as one incarnation of one agent. All its consumers share one, so they share its pauses and its end too. */
export class AgentClient {
  readonly #parts: ClientParts;
  #over: TerminalCode | null = null;
  /** 401 in a row; only an authenticated success sets it to 0, a fresh token does not (W-26). */
  #refusals = 0;
  /** Calls in a row that came to nothing, whatever the reason. */
  #losses = 0;
  #lastTryAtMs = 0;
  #lastGeneration: number | null = null;
  #calls = 0;
  #failures = 0;

  constructor(parts: ClientParts) {
    this.#parts = parts;
  }

  /** True once nothing will be sent any more: a terminal code, a teardown, or a cell that the agent's next owner has closed. */
  get isOver(): boolean {
    return this.#over !== null || this.#parts.life.aborted || this.#parts.cell.token === null;
  }

  /** The generation that the last request carried; null before the first. */
  get lastGeneration(): number | null {
    return this.#lastGeneration;
  }

  /** Share of failed calls, 0 to 1, since this was last asked. */
  takeErrorRate(): number {
    const rate = this.#calls === 0 ? 0 : this.#failures / this.#calls;
    this.#calls = 0;
    this.#failures = 0;
    return rate;
  }

  /** Sends one request as the agent. Never rejects. */
  async call<T>(call: AgentCall<T>): Promise<CallOutcome<T>> {
    if (this.isOver) return { kind: 'over', code: this.#over };
    const waitMs = this.#pauseLeftMs();
    if (waitMs > 0) return { kind: 'paused', retryAfterMs: waitMs };
    this.#lastTryAtMs = this.#parts.platform.clock.monoMs();
    await this.refreshAhead();
    const outcome = await this.#sendTwiceAtMost(call);
    this.#calls += 1;
    if (outcome.kind !== 'ok') this.#failures += 1;
    this.#losses = outcome.kind === 'ok' ? 0 : this.#losses + 1;
    return outcome;
  }

  /**
   * Makes sure that the token is neither expired nor about to be (W-01, W-04, W-05); no request where it is fresh (W-03). Takes
   * at most `PULL_TIMEOUT_MS`. On failure the old one stays, and the caller goes on with it.
   */
  async refreshAhead(): Promise<void> {
    const due = this.#parts.cell.token?.isDue(this.#parts.townNowMs()) === true;
    if (due && !this.isOver && !this.#parts.puller.failedWithin(REFRESH_AHEAD_REST_MS)) await this.pull();
  }

  /** Fetches a newer token now. */
  async pull(): Promise<void> {
    const outcome = await this.#parts.puller.pull();
    if (outcome.kind === 'over') this.#end(outcome.code);
  }

  async #sendTwiceAtMost<T>(call: AgentCall<T>): Promise<CallOutcome<T>> {
    const { cell } = this.#parts;
    const first = cell.token;
    if (first === null || this.isOver) return { kind: 'over', code: this.#over };
    const answer = await this.#send(first, call);
    if (!isPlain401(answer)) return this.#conclude(answer);
    const second = await this.#replacement(first);
    return this.#conclude(second === null ? answer : await this.#send(second, call));
  }

  /** A token of another generation than the one that was refused, pulled if need be; null where there is none. */
  async #replacement(refused: HeldToken): Promise<HeldToken | null> {
    const { cell } = this.#parts;
    if (cell.token?.gen === refused.gen) await this.pull();
    const held = cell.token;
    return held === null || held.gen === refused.gen || this.isOver ? null : held;
  }

  #send<T>(token: HeldToken, call: AgentCall<T>): Promise<TownAnswer<T>> {
    const { platform, apiUrl, life } = this.#parts;
    this.#lastGeneration = token.gen;
    const { path, ...rest } = call;
    return requestTown(platform, { ...rest, url: `${apiUrl}${path}`, bearer: token.text, life });
  }

  #conclude<T>(answer: TownAnswer<T>): CallOutcome<T> {
    if (this.isOver) return { kind: 'over', code: this.#over };
    if (answer.kind === 'unreachable') {
      return answer.reason === 'ended' ? { kind: 'over', code: null } : { kind: 'unreachable', reason: answer.reason };
    }
    if (answer.kind === 'ok') {
      this.#refusals = 0;
      return answer;
    }
    // The body's code decides, not the status (W-13).
    if (answer.code !== null && isTerminal(answer.code)) return this.#end(answer.code);
    if (answer.status === 401) this.#refusals += 1;
    return answer;
  }

  #pauseLeftMs(): number {
    if (this.#refusals < REFUSALS_BEFORE_PAUSE && !this.#isCutOff()) return 0;
    return Math.max(0, this.#lastTryAtMs + PAUSE_MS - this.#parts.platform.clock.monoMs());
  }

  /**
   * With a token that has expired a call can only fail before a pull has come through; where that fails too, the town is away for
   * longer than a token lives, and trying often does not help (S-24). A push that arrives ends this at once.
   */
  #isCutOff(): boolean {
    const { cell, townNowMs } = this.#parts;
    const expired = cell.token !== null && cell.token.expiresAtMs <= townNowMs();
    return expired && this.#losses >= REFUSALS_BEFORE_PAUSE;
  }

  /** Said once (W-12). The agent's process is left to the town, which stops or retires it. */
  #end(code: TerminalCode): Extract<CallOutcome<never>, { kind: 'over' }> {
    if (this.#over === null && !this.#parts.life.aborted) {
      this.#over = code;
      const { agent, inc } = this.#parts.cell;
      this.#parts.platform.log.warn('agent_over', { agent, inc, code });
    }
    return { kind: 'over', code: this.#over };
  }
}

function isPlain401(answer: TownAnswer<unknown>): boolean {
  return answer.kind === 'refused' && answer.status === 401 && (answer.code === null || !isTerminal(answer.code));
}
