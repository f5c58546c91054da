/** What all views share, made once by `main.tsx` and handed down. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { everyWhileSeen, nowMs } from '../lib/browser.ts';
import { parseRoute, type Route } from './route.ts';
import { Session } from './session.ts';

/** A sentence for everyone, also for those who only hear the page. */
export interface Notice {
  readonly id: number;
  readonly tone: 'done' | 'failed';
  readonly text: string;
}

/** Times on the page are told anew after this (ms). */
const TICK_MS = 1000;
const MOST_NOTICES = 4;

export class Console {
  readonly session = new Session();
  readonly #route = signal<Route>(parseRoute(location.hash));
  readonly #nowMs = signal(nowMs());
  readonly #notices = signal<readonly Notice[]>([]);
  #lastNotice = 0;

  /** Follows the address and the clock until the page goes. */
  start(): void {
    addEventListener('hashchange', () => {
      this.#route.value = parseRoute(location.hash);
    });
    everyWhileSeen(TICK_MS, () => {
      this.#nowMs.value = nowMs();
    });
    void this.session.start().then(() => {
      this.#route.value = parseRoute(location.hash);
    });
  }

  get route(): ReadonlySignal<Route> {
    return this.#route;
  }

  /** This machine's clock, which ticks while the page is looked at. */
  get nowMs(): ReadonlySignal<number> {
    return this.#nowMs;
  }

  get notices(): ReadonlySignal<readonly Notice[]> {
    return this.#notices;
  }

  notify(tone: Notice['tone'], text: string): void {
    this.#lastNotice += 1;
    const notice = { id: this.#lastNotice, tone, text };
    this.#notices.value = [...this.#notices.peek(), notice].slice(-MOST_NOTICES);
  }

  dismiss(id: number): void {
    this.#notices.value = this.#notices.peek().filter((notice) => notice.id !== id);
  }
}

export const ConsoleContext = createContext<Console | null>(null);

/** Throws outside of the page that `main.tsx` makes. */
export function useConsole(): Console {
  const found = useContext(ConsoleContext);
  if (found === null) throw new Error('no console around this view');
  return found;
}
