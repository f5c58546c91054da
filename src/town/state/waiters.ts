import type { MessageId } from '#protocol';
import type { After } from '#lib/clock.ts';

/**
 * Requests that wait until a message is over. In memory only, and each at most for the time that it asked for, so that no
 * caller keeps the object awake; one that waited through an eviction asks again.
 */
export class Waiters {
  readonly #after: After;
  readonly #waiting = new Map<MessageId, Set<() => void>>();

  constructor(after: After) {
    this.#after = after;
  }

  /** Messages that a caller waits for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when the message is over, or after `ms`; the caller reads which. */
  wait(id: MessageId, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const here = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, here);
      const leave = (): void => {
        stopTimer();
        here.delete(leave);
        if (here.size === 0 && this.#waiting.get(id) === here) this.#waiting.delete(id);
        resolve();
      };
      const stopTimer = this.#after(ms, leave);
      here.add(leave);
    });
  }

  /** Releases the callers that wait for one of these. */
  wake(ids: readonly MessageId[]): void {
    for (const id of ids) for (const leave of this.#waiting.get(id) ?? []) leave();
  }
}
