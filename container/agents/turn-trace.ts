import { parseTraceparent, traceFields, type AgentId, type DeliveredMessage, type TurnResult } from '#protocol';
import type { Fields } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import type { Attributes, Span } from '../lib/tracer.ts';

interface TraceParts {
  readonly platform: Pick<Platform, 'clock' | 'log' | 'tracer'>;
  readonly agent: AgentId;
  readonly inc: number;
}

/**
 * One message of an agent, as the log and the traces tell of it: that it came, how long it waited, and what its turn came to. The wait
 * is a span within the one that the message came with, and the turn one within the wait.
 */
export class TurnTrace {
  readonly #parts: TraceParts;
  readonly #fields: Fields;
  readonly #attributes: Attributes;
  #span: Span;
  #beganAtMs: number | null = null;

  constructor(parts: TraceParts, { message, traceparent }: DeliveredMessage) {
    const { platform, agent, inc } = parts;
    this.#parts = parts;
    this.#fields = { agent, inc, message };
    this.#attributes = { 'gen_ai.agent.id': agent, 'messaging.message.id': message };
    const receives = { ...this.#attributes, 'messaging.operation.type': 'receive' };
    this.#span = platform.tracer.begin('consumer', 'receive', traceparent, receives);
    this.#log('message_taken');
  }

  /** Of the span under way. */
  get traceparent(): string | null {
    return this.#span.traceparent;
  }

  /** The turn begins. */
  begin(): void {
    const { clock, tracer } = this.#parts.platform;
    const works = { ...this.#attributes, 'gen_ai.operation.name': 'invoke_agent' };
    const waited = this.#span;
    this.#beganAtMs = clock.monoMs();
    this.#span = tracer.begin('internal', 'invoke_agent', waited.traceparent, works);
    waited.end(null);
    this.#log('turn_started');
  }

  /** The turn is over, or never began. `dropped`: its agent is gone, and the town queues the message again. */
  end(state: TurnResult['state'] | 'dropped'): void {
    const durationMs =
      this.#beganAtMs === null ? null : Math.round(this.#parts.platform.clock.monoMs() - this.#beganAtMs);
    this.#span.end(state === 'done' ? null : state);
    this.#log('turn_finished', { state, duration_ms: durationMs });
  }

  #log(event: string, more: Fields = {}): void {
    const trace = traceFields(parseTraceparent(this.traceparent));
    this.#parts.platform.log.info(event, { ...this.#fields, ...more, ...trace });
  }
}
