/**
 * An answer as the events of a response, each named in its line and in its data, and numbered. They are the fewest with which the clients
 * of this API see a response grow: the official one puts it together and takes no piece before its item and its part were begun.
 */
import { data } from '../edge/delivered-body.ts';
import type { AnswerStep } from './answer-so-far.ts';
import { COMMENT } from './chunks.ts';
import type { Outcome } from './outcome.ts';
import {
  PARTS,
  itemOf,
  responseOf,
  statusOf,
  type Item,
  type PartKind,
  type ResponseHead,
  type ResponseState,
} from './response.ts';

/** What the events of an item of each kind are called, and where its one part stands. */
const NAMES = {
  text: {
    part: 'response.content_part',
    piece: 'response.output_text',
    at: { content_index: 0 },
    more: { logprobs: [] },
  },
  reasoning: {
    part: 'response.reasoning_summary_part',
    piece: 'response.reasoning_summary_text',
    at: { summary_index: 0 },
    more: {},
  },
} as const;

/** The whole stream, from `response.created` to `response.completed`, `response.incomplete` or `response.failed`. */
export async function* responseEvents(
  head: ResponseHead,
  steps: AsyncIterable<AnswerStep>,
): AsyncGenerator<string, void> {
  const response = new WrittenResponse(head);
  yield response.begin();
  for await (const step of steps) {
    switch (step.kind) {
      case 'text':
      case 'reasoning':
        yield response.write(step.kind, step.text);
        break;
      case 'idle':
        yield COMMENT;
        break;
      case 'end':
        yield response.end(step.outcome);
    }
  }
}

/** A response while it is written: keeps what its last event repeats. Each method returns the events that it makes. */
class WrittenResponse {
  readonly #head: ResponseHead;
  readonly #output: Item[] = [];
  #open: { readonly kind: PartKind; text: string } | null = null;
  #events = 0;

  constructor(head: ResponseHead) {
    this.#head = head;
  }

  begin(): string {
    return this.#lifecycle('created', 'in_progress') + this.#lifecycle('in_progress', 'in_progress');
  }

  /** One item is written at a time: another kind of text ends it, and begins the next. */
  write(kind: PartKind, delta: string): string {
    let begun = '';
    if (this.#open?.kind !== kind) begun = this.#close('completed') + this.#begin(kind);
    if (this.#open !== null) this.#open.text += delta;
    const { piece, more } = NAMES[kind];
    return begun + this.#event(`${piece}.delta`, { ...this.#place(kind), delta, ...more });
  }

  /** A turn that failed is an error of its own, which each client throws, and the end of the response. */
  end(outcome: Outcome): string {
    if (outcome.kind !== 'failed') {
      const status = statusOf(outcome.finish);
      return this.#close(status) + this.#lifecycle(status, status);
    }
    const { message, param, code } = outcome.error.error;
    // The AI SDK sends a request again whose response fails before it has an item; a turn must not begin again unasked.
    const item = this.#open === null && this.#output.length === 0 ? this.#begin('text') : '';
    const closed = item + this.#close('incomplete');
    const error = this.#event('error', { message, param, code, ...outcome.error });
    return closed + error + this.#lifecycle('failed', 'failed', { code: code ?? 'server_error', message });
  }

  #begin(kind: PartKind): string {
    this.#open = { kind, text: '' };
    const item = itemOf(kind, this.#id, 'in_progress', []);
    const added = this.#event('response.output_item.added', { output_index: this.#output.length, item });
    return added + this.#event(`${NAMES[kind].part}.added`, { ...this.#place(kind), part: PARTS[kind]('') });
  }

  #close(status: Item['status']): string {
    if (this.#open === null) return '';
    const { kind, text } = this.#open;
    const { part, piece, more } = NAMES[kind];
    const place = this.#place(kind);
    const item = itemOf(kind, this.#id, status, [text]);
    const events = [
      this.#event(`${piece}.done`, { ...place, text, ...more }),
      this.#event(`${part}.done`, { ...place, part: PARTS[kind](text) }),
      this.#event('response.output_item.done', { output_index: this.#output.length, item }),
    ];
    this.#output.push(item);
    this.#open = null;
    return events.join('');
  }

  /** The id of the item that is open, or comes next. */
  get #id(): string {
    return `${this.#head.id}-${this.#output.length}`;
  }

  #place(kind: PartKind): object {
    const { id } = itemOf(kind, this.#id, 'in_progress', []);
    return { item_id: id, output_index: this.#output.length, ...NAMES[kind].at };
  }

  #lifecycle(name: string, status: ResponseState['status'], error: ResponseState['error'] = null): string {
    const response = responseOf(this.#head, { status, output: this.#output, error });
    return this.#event(`response.${name}`, { response });
  }

  #event(type: string, fields: object): string {
    const sequence_number = this.#events;
    this.#events += 1;
    return `event: ${type}\n${data({ type, sequence_number, ...fields })}`;
  }
}
