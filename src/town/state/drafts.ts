import type { MessageId } from '#protocol';
import { Waiters } from './waiters.ts';

/**
 * Something that a turn shows before its end. `text` is a piece of the reply, `thought` what no reply has. `tool`: one of its own that
 * the agent uses, `ref` its id of it, and the title in `text`. `question`: a permission that it asks for, `ref` the id of it.
 */
export interface Piece {
  readonly kind: 'text' | 'thought' | 'tool' | 'question';
  readonly text: string;
  readonly ref: string;
}

/** What a turn has shown from its beginning, in order; `attempt` tells one turn of a message from another. */
export interface Draft {
  readonly attempt: number;
  readonly pieces: readonly Piece[];
}

type Kept = { readonly attempt: number; readonly pieces: Piece[]; units: number };

/** UTF-16 code units that are kept of one turn, and of all: the reply of a turn is cut at about as many. */
const MAX_TURN_UNITS = 512 * 1024;
const MAX_UNITS = 4 * 1024 * 1024;
/** What a piece takes beside its text, counted as code units. */
const PIECE_UNITS = 64;

/**
 * What turns have shown so far, for readers that come in the middle of one or come again. In memory only and bounded: past the limit
 * of one turn its further pieces are not kept, past that of all the oldest turn goes. A draft begins with its turn or not at all, so
 * that its texts are always the beginning of what was said; without one the reply, which is stored, is all that there is.
 */
export class Drafts {
  readonly #waiters: Waiters;
  readonly #maxTurnUnits: number;
  readonly #maxUnits: number;
  readonly #kept = new Map<MessageId, Kept>();
  #units = 0;

  constructor(after: ConstructorParameters<typeof Waiters>[0], maxTurnUnits = MAX_TURN_UNITS, maxUnits = MAX_UNITS) {
    this.#waiters = new Waiters(after);
    this.#maxTurnUnits = maxTurnUnits;
    this.#maxUnits = maxUnits;
  }

  /** The turn of this attempt begins; of an earlier one nothing is kept. */
  begin(message: MessageId, attempt: number): void {
    if (this.#kept.get(message)?.attempt === attempt) return;
    this.#forget(message);
    this.#kept.set(message, { attempt, pieces: [], units: 0 });
    this.wake([message]);
  }

  /** Adds what it shows next, where its beginning is kept, and everything since. */
  add(message: MessageId, attempt: number, piece: Piece): void {
    const draft = this.#kept.get(message);
    if (draft?.attempt !== attempt || draft.units > this.#maxTurnUnits) return;
    const units = piece.text.length + PIECE_UNITS;
    draft.units += units;
    this.#units += units;
    // One that is too long is counted and left out: nothing may follow a gap.
    if (draft.units <= this.#maxTurnUnits) draft.pieces.push(piece);
    for (const oldest of this.#kept.keys()) {
      if (this.#units <= this.#maxUnits) break;
      this.#forget(oldest);
    }
    this.wake([message]);
  }

  /** What is kept of the last turn of a message; null: nothing. */
  of(message: MessageId): Draft | null {
    return this.#kept.get(message) ?? null;
  }

  /** Resolves when the turn shows more or is over, or after `ms`; the caller reads which. */
  wait(message: MessageId, ms: number): Promise<void> {
    return this.#waiters.wait(message, ms);
  }

  /** These are over, or show more. */
  wake(messages: readonly MessageId[]): void {
    this.#waiters.wake(messages);
  }

  #forget(message: MessageId): void {
    this.#units -= this.#kept.get(message)?.units ?? 0;
    this.#kept.delete(message);
  }
}
