import { collect, isDeclaredTooLong, type Message } from '#lib/read-body.ts';
import type { Clock } from './clock.ts';

/** What came of a body: all of it, or why not. `aborted`: its sender went away in the middle. */
export type Received =
  | { readonly kind: 'whole'; readonly body: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'too_long' | 'too_slow' | 'aborted' };

/** A body has this long (ms) to come, whatever its size, and in each window (ms) so many bytes of it. */
const BODY_TIMEOUT_MS = 30_000;
const WINDOW_MS = 5_000;
const MIN_BYTES_PER_WINDOW = 4 * 1024;

/** The whole body of a request whose sender may be slow, or go away; at most `limit` bytes of it. Never rejects. */
export async function receiveBody(message: Message, limit: number, clock: Clock): Promise<Received> {
  if (isDeclaredTooLong(message, limit)) return { kind: 'too_long' };
  if (message.body === null) return { kind: 'whole', body: new Uint8Array() };
  const reader: ReadableStreamDefaultReader<Uint8Array> = message.body.getReader();
  const pace = new Pace(clock, () => void giveUp(reader));
  try {
    const body = await collect(reader, limit, (bytes) => pace.took(bytes));
    if (pace.isLost) return { kind: 'too_slow' };
    return body === null ? { kind: 'too_long' } : { kind: 'whole', body };
  } catch {
    // A stream that is given up may reject its read, and one whose sender goes away always does.
    return { kind: pace.isLost ? 'too_slow' : 'aborted' };
  } finally {
    pace.end();
  }
}

/** Keeps the time of one body: calls `lose` once, where it is too slow. */
class Pace {
  readonly #clock: Clock;
  readonly #lose: () => void;
  readonly #stopTotal: () => void;
  #stopWindow: () => void = () => {};
  #inWindow = 0;
  isLost = false;

  constructor(clock: Clock, lose: () => void) {
    this.#clock = clock;
    this.#lose = lose;
    this.#stopTotal = clock.after(BODY_TIMEOUT_MS, () => this.#over());
    this.#nextWindow();
  }

  took(bytes: number): void {
    this.#inWindow += bytes;
  }

  end(): void {
    this.#stopTotal();
    this.#stopWindow();
  }

  #nextWindow(): void {
    this.#inWindow = 0;
    this.#stopWindow = this.#clock.after(WINDOW_MS, () =>
      this.#inWindow < MIN_BYTES_PER_WINDOW ? this.#over() : this.#nextWindow(),
    );
  }

  #over(): void {
    this.end();
    this.isLost = true;
    this.#lose();
  }
}

/** Ends the read under way. A stream that is broken already has nothing to be given up. */
async function giveUp(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  await reader.cancel().catch(() => undefined);
}
