/** The answer to one request, of an agent or without one; each API of this door writes it in its own form. */
import type { MessageView } from '#protocol';
import { messageOf } from '#lib/result.ts';
import { base64url, randomBytes } from '#lib/secret.ts';
import { callThrough } from '../edge/call-through.ts';
import type { Edge } from '../edge/edge.ts';
import { untilFinished, type Wait } from '../edge/until-finished.ts';
import type { AnswerStep } from './answer-so-far.ts';
import { followAnswer } from './follow-answer.ts';
import type { MessageKey } from './message-key.ts';
import { outcomeOf, type Outcome } from './outcome.ts';

/** An answer, which is asked for once, either while it is written or as a whole. */
export interface Answer {
  /** Of the message or of the request; the same in each repeat of one answer. */
  readonly id: string;
  /** When that was accepted, in ms. */
  readonly createdAtMs: number;
  /** Step by step, the last one of kind `end`. */
  steps(): AsyncGenerator<AnswerStep, void>;
  whole(): Promise<Outcome>;
  /** The client has taken all of it. Never rejects. */
  taken(): Promise<void>;
}

/** What an answer is called in OpenAI's APIs, the same in each of its pieces and in each repeat of it. */
export interface AnswerHead {
  readonly id: string;
  /** Seconds since the epoch. */
  readonly created: number;
  /** As the client named it. */
  readonly model: string;
}

/** The head of an answer; `prefix` is what ids of the API begin with. */
export function headOf(prefix: string, { id, createdAtMs }: Answer, model: string): AnswerHead {
  return { id: `${prefix}${id}`, created: Math.floor(createdAtMs / 1000), model };
}

/** What an agent answers. */
export class AgentAnswer implements Answer {
  readonly id: string;
  readonly createdAtMs: number;
  readonly #edge: Edge;
  readonly #message: MessageView;
  readonly #wait: Wait;
  readonly #transcript: MessageKey['transcript'];
  #outcome: Outcome | null = null;

  /** `transcript`: what names the message while the client may send it again, where it has no other name. */
  constructor(edge: Edge, message: MessageView, wait: Wait, transcript: MessageKey['transcript']) {
    this.id = message.id;
    this.createdAtMs = Date.parse(message.created_at);
    this.#edge = edge;
    this.#message = message;
    this.#wait = wait;
    this.#transcript = transcript;
  }

  async *steps(): AsyncGenerator<AnswerStep, void> {
    for await (const step of followAnswer(this.#edge, this.#message, this.#wait)) {
      if (step.kind === 'end') this.#outcome = step.outcome;
      yield step;
    }
  }

  async whole(): Promise<Outcome> {
    return (this.#outcome = outcomeOf(await untilFinished(this.#edge, this.#message, this.#wait)));
  }

  async taken(): Promise<void> {
    if (this.#transcript === null || this.#outcome === null || this.#outcome.kind === 'goes_on') return;
    const { digest } = this.#transcript;
    const { town, person } = this.#wait;
    try {
      const chat = this.#edge.town(town).chat({ person });
      await callThrough(chat, (held) => held.answered(digest, this.#message.id));
    } catch (thrown) {
      // All that it costs: the same transcript within ten minutes gets this answer once more.
      this.#edge.log.warn('answer.not_confirmed', { town, error: messageOf(thrown) });
    }
  }
}

/** Ids of what is answered without an agent begin so; nothing is stored of it. */
export const ASIDE = 'aside_';

/** What is answered without an agent. */
export function textAnswer(text: string, nowMs: number): Answer {
  const outcome: Outcome = { kind: 'answered', text, finish: 'stop' };
  return {
    id: `${ASIDE}${base64url(randomBytes(15))}`,
    createdAtMs: nowMs,
    async *steps() {
      yield { kind: 'text', text };
      yield { kind: 'end', outcome };
    },
    whole: () => Promise.resolve(outcome),
    taken: () => Promise.resolve(),
  };
}
