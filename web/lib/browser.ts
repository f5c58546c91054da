/** What the console needs of the browser's clock and network, in one place. */

/** This machine's clock (ms). */
export const nowMs = (): number => Date.now();

/** Runs something later; the answer takes it back. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}

/** Runs something again and again while the page is looked at; the answer ends that. */
export function everyWhileSeen(ms: number, run: () => void): () => void {
  const timer = setInterval(() => {
    if (document.visibilityState === 'visible') run();
  }, ms);
  return () => clearInterval(timer);
}

/** A request that is not one of the client's own. */
export const request = (address: string, init: RequestInit = {}): Promise<Response> => fetch(address, init);
