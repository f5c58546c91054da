/** What is read from the server again and again. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { after, nowMs } from './browser.ts';

/** What was read last stays, with its time, where a later reading fails. */
export interface Reading<T> {
  readonly value: T | null;
  /** When `value` was read, by this machine's clock (ms); null before. */
  readonly atMs: number | null;
  /** Why the last reading failed; null where it did not. */
  readonly error: Error | null;
}

/** Between the end of a reading and the next one (ms): a storm of events is one reading every now and then. */
const PACE_MS = 250;

/** One thing on the server. Reads one after the other, never two at a time, and none once it is ended. */
export class Resource<T> {
  readonly #read: (signal: AbortSignal) => Promise<T>;
  readonly #ending = new AbortController();
  readonly #reading = signal<Reading<T>>({ value: null, atMs: null, error: null });
  #isBusy = false;
  #isAsked = false;

  constructor(read: (signal: AbortSignal) => Promise<T>) {
    this.#read = read;
  }

  get reading(): ReadonlySignal<Reading<T>> {
    return this.#reading;
  }

  get value(): T | null {
    return this.#reading.value.value;
  }

  /** Reads it now; once more where it is being read already, because what that answers may be older than the reason to ask. */
  load(): void {
    this.#isAsked = true;
    if (!this.#isBusy) void this.#run();
  }

  /** What another answer of the server said of it. */
  put(value: T): void {
    this.#reading.value = { value, atMs: nowMs(), error: null };
  }

  /** Idempotent. */
  end(): void {
    this.#ending.abort();
  }

  async #run(): Promise<void> {
    const { signal: ending } = this.#ending;
    this.#isBusy = true;
    while (this.#isAsked && !ending.aborted) {
      this.#isAsked = false;
      try {
        const value = await this.#read(ending);
        if (!ending.aborted) this.put(value);
      } catch (thrown) {
        const error = thrown instanceof Error ? thrown : new Error(String(thrown));
        if (!ending.aborted) this.#reading.value = { ...this.#reading.peek(), error };
      }
      await new Promise<void>((resolve) => void after(PACE_MS, resolve));
    }
    this.#isBusy = false;
  }
}
