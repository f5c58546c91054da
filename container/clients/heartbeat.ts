import { heartbeatAnswerSchema, type Heartbeat as Beat, type HeartbeatAnswer, type MessageId } from '#protocol';
import { isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import type { AgentClient, CallOutcome } from './agent-client.ts';
import { Loop } from './loop.ts';
import { RefusalCount } from './refusal-count.ts';

const TIMEOUT_MS = 10_000;

/** What an agent is at, as far as its supervisor can see. Times by the town's clock. */
export interface WorkStatus {
  readonly turn: MessageId | null;
  readonly task: string | null;
  readonly lastProgressAtMs: number | null;
}

interface HeartbeatParts {
  readonly platform: Platform;
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
  readonly #loop: Loop;
  readonly #refusals: RefusalCount;
  readonly #startedAtMs: number;
  #working = false;
  #nextAtMs = 0;
  #losses = 0;

  constructor(parts: HeartbeatParts) {
    this.#parts = parts;
    this.#startedAtMs = parts.platform.clock.monoMs();
    const { platform, life, agent } = parts;
    const round = (): Promise<void> => this.#beat();
    this.#refusals = new RefusalCount(platform.log, 'heartbeat_refused', agent);
    this.#loop = new Loop({ platform, life, agent, loop: 'heartbeat', round, dueInMs: () => this.#dueInMs() });
  }

  /** The agent has unfinished work. */
  begin(): void {
    if (this.#working) return;
    this.#working = true;
    this.#loop.runNow();
  }

  /** It has none any more. */
  end(): void {
    this.#working = false;
    this.#loop.rest();
  }

  /** Resolves when the beat under way is over and none is due: after `end`, or after the teardown. */
  ended(): Promise<void> {
    return this.#loop.idle();
  }

  #dueInMs(): number | null {
    if (!this.#working || this.#parts.client.isOver) return null;
    return Math.max(0, this.#nextAtMs - this.#parts.platform.clock.monoMs());
  }

  async #beat(): Promise<void> {
    const { platform, client, intervalMs } = this.#parts;
    this.#nextAtMs = platform.clock.monoMs() + intervalMs;
    const body = JSON.stringify(this.#body());
    const to = { method: 'POST', path: '/v1/agent/heartbeat', timeoutMs: TIMEOUT_MS } as const;
    await this.#conclude(await client.call({ ...to, body, answer: heartbeatAnswerSchema }));
  }

  #body(): Beat {
    const { turn, task, lastProgressAtMs } = this.#parts.status();
    return {
      turn,
      current_task: task,
      error_rate: this.#parts.client.takeErrorRate(),
      uptime_seconds: (this.#parts.platform.clock.monoMs() - this.#startedAtMs) / 1000,
      last_progress_at: lastProgressAtMs === null ? null : new Date(lastProgressAtMs).toISOString(),
    };
  }

  async #conclude(outcome: CallOutcome<HeartbeatAnswer>): Promise<void> {
    switch (outcome.kind) {
      case 'ok': {
        this.#refusals.clear();
        this.#recovered();
        // A newer generation was minted and has not arrived here: its push was lost, so it is fetched (M-18).
        if (outcome.value.lagging) await this.#parts.client.pull();
        return;
      }
      case 'refused':
        return this.#refusals.takes(outcome.status) ? undefined : this.#lost(outcome);
      case 'unreachable':
        return this.#lost(outcome);
      case 'paused': // The client has said so often enough; it tries by itself once a minute.
      case 'over':
        return;
    }
  }

  #recovered(): void {
    const { platform, agent } = this.#parts;
    if (this.#losses > 0) platform.log.info('heartbeat_heard', { agent, losses: this.#losses });
    this.#losses = 0;
  }

  #lost(outcome: Extract<CallOutcome<never>, { kind: 'refused' | 'unreachable' }>): void {
    const { platform, agent } = this.#parts;
    this.#losses += 1;
    if (!isWorthALine(this.#losses)) return;
    const detail = outcome.kind === 'refused' ? { status: outcome.status } : { reason: outcome.reason };
    platform.log.warn('heartbeat_lost', { agent, losses: this.#losses, ...detail });
  }
}
