/** When a command of this folder is to end: a signal, or a terminal that is gone. */

/**
 * Aborts at the first signal, and when no reader of the output is left. Signals are handled to the end: a terminal's Ctrl-C
 * reaches npm and this process, npm hands on a second one, and people press again; the default of any of them would end this
 * process before what it started.
 */
export function endingSignal(): AbortSignal {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', end);
  return ending.signal;
}

/** Resolves when the signal is aborted, at once where it is already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
