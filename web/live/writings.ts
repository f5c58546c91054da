/** What agents write at this moment: pieces come over the stream, some may be missing, and the message has all of it in the end. */
import { signal, type ReadonlySignal } from '@preact/signals';
import type { StreamDelta } from '../../client/index.ts';

/** Of one turn so far. */
export interface Writing {
  readonly attempt: number;
  readonly text: string;
  readonly thought: string;
}

export class Writings {
  readonly #byMessage = signal<ReadonlyMap<string, Writing>>(new Map());

  get byMessage(): ReadonlySignal<ReadonlyMap<string, Writing>> {
    return this.#byMessage;
  }

  /** A turn that begins again writes anew. */
  add({ message, attempt, kind, text }: StreamDelta): void {
    const known = this.#byMessage.peek().get(message);
    const before = known?.attempt === attempt ? known : { attempt, text: '', thought: '' };
    const after =
      kind === 'text' ? { ...before, text: before.text + text } : { ...before, thought: before.thought + text };
    this.#byMessage.value = new Map(this.#byMessage.peek()).set(message, after);
  }

  /** Its message says all of it. */
  end(message: string): void {
    if (!this.#byMessage.peek().has(message)) return;
    const rest = new Map(this.#byMessage.peek());
    rest.delete(message);
    this.#byMessage.value = rest;
  }
}
