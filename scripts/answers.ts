const READY_MS = 60_000;

/** Resolves when a GET answers 200; rejects after a minute. */
export async function answers(url: string): Promise<void> {
  const until = Date.now() + READY_MS;
  while (Date.now() < until) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await response.body?.cancel();
      if (response.ok) return;
    } catch {
      // Not listening yet: asked again below, and an error when the minute is over.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${url} did not answer within ${READY_MS / 1000} s`);
}
