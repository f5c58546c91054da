/** Takes back what was registered. Idempotent. */
export type Cancel = () => void;

/**
 * Time as an argument. `main.ts` builds the real one, whose timers do not keep the process alive (W-19); tests turn the hands.
 */
export interface Clock {
  /** Milliseconds since the epoch by this machine: for logs only, because a container's clock may be minutes off. */
  wallMs(): number;
  /** Milliseconds since some fixed moment; never goes back. Everything that is measured is measured with this one. */
  monoMs(): number;
  /** Calls `run` once after `ms`. */
  after(ms: number, run: () => void): Cancel;
}

/** Calls `run` once after `ms`, unless `life` ends first: then the timer is gone at once (W-17), and so is the listener. */
export function afterWhile(clock: Clock, life: AbortSignal, ms: number, run: () => void): Cancel {
  if (life.aborted) return () => {};
  const cancel = (): void => {
    life.removeEventListener('abort', cancel);
    stopTimer();
  };
  const stopTimer = clock.after(ms, () => {
    life.removeEventListener('abort', cancel);
    run();
  });
  life.addEventListener('abort', cancel, { once: true });
  return cancel;
}

/** Waits `ms`, or until `life` ends; says which. Never rejects. */
export function pause(clock: Clock, life: AbortSignal, ms: number): Promise<'elapsed' | 'ended'> {
  return new Promise((resolve) => {
    if (life.aborted) return resolve('ended');
    const ended = (): void => {
      stopTimer();
      resolve('ended');
    };
    const stopTimer = clock.after(ms, () => {
      life.removeEventListener('abort', ended);
      resolve('elapsed');
    });
    life.addEventListener('abort', ended, { once: true });
  });
}

/** Waits for `work`, at most `ms`; rejects where it rejects in time. What is late goes on, and its outcome is dropped. */
export async function atMost(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  try {
    await Promise.race([work, pause(clock, done.signal, ms)]);
  } finally {
    done.abort();
  }
}
