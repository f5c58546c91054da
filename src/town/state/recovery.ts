import type { After } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';

/** The answer that an object went back leaves within this (ms), and only then the object ends. */
export const RESTART_AFTER_MS = 1000;
/** How workerd says that what it keeps of an object is its newest state alone. */
const UNSUPPORTED = 'does not implement point-in-time recovery';

/**
 * The way of one object's storage back into its own last 30 days: point-in-time recovery of the platform. A bookmark names one state
 * of the storage, and of two bookmarks the later one is the greater text.
 */
export class Recovery {
  readonly #ctx: Pick<DurableObjectState, 'abort'> & {
    readonly storage: Pick<
      DurableObjectStorage,
      'getBookmarkForTime' | 'getCurrentBookmark' | 'onNextSessionRestoreBookmark'
    >;
  };
  readonly #after: After;
  #isUnderWay = false;

  constructor(ctx: DurableObjectState, after: After) {
    this.#ctx = ctx;
    this.#after = after;
  }

  /** The state at about this time; null: the platform keeps no past of this object. */
  async bookmarkAt(atMs: number): Promise<string | null> {
    try {
      return await this.#ctx.storage.getBookmarkForTime(atMs);
    } catch (thrown) {
      if (messageOf(thrown).includes(UNSUPPORTED)) return null;
      throw thrown;
    }
  }

  /** The state that the storage is in. */
  current(): Promise<string> {
    return this.#ctx.storage.getCurrentBookmark();
  }

  /** Whether what is written from here on is lost. */
  isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /**
   * The object ends in a moment, and whatever starts it again finds the storage in this state. Rejects where the platform refuses:
   * then nothing goes back.
   */
  async goBack(bookmark: string): Promise<void> {
    this.#isUnderWay = true;
    try {
      await this.#ctx.storage.onNextSessionRestoreBookmark(bookmark);
    } catch (thrown) {
      this.#isUnderWay = false;
      throw thrown;
    }
    this.#after(RESTART_AFTER_MS, () => this.#ctx.abort('the town goes back to an earlier state'));
  }
}
