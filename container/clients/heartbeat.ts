import { heartbeatAnswerSchema, type Heartbeat as Beat, type MessageId } from '#protocol';
import { afterWhile, type Cancel } from '../clock.ts';
import { isWorthALine } from '../log.ts';
import type { Outside } from '../outside.ts';
import type { AgentClient, CallOutcome } from './agent-client.ts';

const TIMEOUT_MS = 10_000;
/** Refusals in a row that are warned of one by one; the next is an error with advice, and then each twentieth (M-17). */
const WARNED_REFUSALS = 2;
const REFUSALS_PER_ERROR = 20;

/** What an agent is at, as far as its supervisor can see. Times by the town's clock. */
export interface WorkStatus {
  readonly turn: MessageId | null;
  readonly task: string | null;
  readonly lastProgressAtMs: number | null;
}

interface HeartbeatParts {
  readonly outside: Outside;
  readonly client: AgentClient;
  readonly intervalMs: number;
  readonly status: () => WorkStatus;
  readonly life: AbortSignal;
  /** For the log. */
  readonly agent: string;
}

/**
 * Tells the town, while the agent works, that it does. The first beat goes out at once, so that the town knows of the work
 * within a round trip; the next is due one interval later, or when the one before has ended (W-18).
 */
export class Heartbeat {
  readonly #parts: HeartbeatParts;
  readonly #startedAtMs: number;
  #working = false;
  #beating = false;
  #cancelNext: Cancel = () => {};
  #refusals = 0;
  #losses = 0;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.outside.clock.monoMs();
  }

  /** The agent has unfinished work. */
  begin(): void {
    if (this.#working) return;
    this.#working = true;
    if (!this.#beating) void this.#beat();
  }

  /** It has none any more. */
  end(): void {
    this.#working = false;
    this.#cancelNext();
  }

  async #beat(): Promise<void> {
    const { outside, client, intervalMs, life } = this.#parts;
    const dueAtMs = outside.clock.monoMs() + intervalMs;
    this.#beating = true;
    const body = JSON.stringify(this.#body());
    const outcome = await client.call({ method: 'POST', path: '/v1/agent/heartbeat', body, timeoutMs: TIMEOUT_MS });
    await this.#conclude(outcome);
    this.#beating = false;
    if (!this.#working || client.isOver) return;
    const waitMs = Math.max(0, dueAtMs - outside.clock.monoMs());
    this.#cancelNext = afterWhile(outside.clock, life, waitMs, () => void this.#beat());
  }

  #body(): Beat {
    const { turn, task, lastProgressAtMs } = this.#parts.status();
    return {
      turn,
      current_task: task,
      error_rate: this.#parts.client.takeErrorRate(),
      uptime_seconds: (this.#parts.outside.clock.monoMs() - this.#startedAtMs) / 1000,
      last_progress_at: lastProgressAtMs === null ? null : new Date(lastProgressAtMs).toISOString(),
    };
  }

  async #conclude(outcome: CallOutcome): Promise<void> {
    switch (outcome.kind) {
      case 'ok': {
        this.#refusals = 0;
        this.#losses = 0;
        const answer = heartbeatAnswerSchema.safeParse(outcome.body);
        // A newer generation was minted and has not arrived here: its push was lost, so it is fetched (M-18).
        if (answer.success && answer.data.lagging) await this.#parts.client.pull();
        return;
      }
      case 'refused':
        return outcome.status === 401 || outcome.status === 403 ? this.#refused(outcome.status) : this.#lost(outcome);
      case 'unreachable':
        return this.#lost(outcome);
      case 'paused': // The client has said so often enough; it tries by itself once a minute.
      case 'over':
        return;
    }
  }

  /** Counted apart from losses: these do not pass by themselves (M-17). */
  #refused(status: number): void {
    const { outside, agent } = this.#parts;
    this.#refusals += 1;
    const fields = { agent, status, refusals: this.#refusals };
    if (this.#refusals <= WARNED_REFUSALS) outside.log.warn('heartbeat_refused', fields);
    else if (this.#refusals === WARNED_REFUSALS + 1 || this.#refusals % REFUSALS_PER_ERROR === 0) {
      const advice = 'the town does not accept this agent’s token: force a refresh, or start the agent again';
      outside.log.error('heartbeat_refused', { ...fields, advice });
    }
  }

  #lost(outcome: Extract<CallOutcome, { kind: 'refused' | 'unreachable' }>): void {
    const { outside, agent } = this.#parts;
    this.#losses += 1;
    if (!isWorthALine(this.#losses)) return;
    const detail = outcome.kind === 'refused' ? { status: outcome.status } : { reason: outcome.reason };
    outside.log.warn('heartbeat_lost', { agent, losses: this.#losses, ...detail });
  }
}
