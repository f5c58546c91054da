import { pause, type Clock } from '../../lib/clock.ts';

/** Between two looks (ms). A disk that is written at full speed takes a few hundred MiB meanwhile. */
const LOOK_MS = 5_000;
/** A look takes at most this part of the time. */
const PART = 20;

interface Watch {
  readonly clock: Clock;
  /** Ends the watch. */
  readonly life: AbortSignal;
  readonly budgetBytes: number;
  /** How much is in use (bytes). Never rejects. */
  readonly measure: () => Promise<number>;
}

/** Resolves to what is in use (bytes) as soon as that is more than the budget, to null when `life` ends first. Never rejects. */
export async function overBudget({ clock, life, budgetBytes, measure }: Watch): Promise<number | null> {
  let waitMs = LOOK_MS;
  while ((await pause(clock, life, waitMs)) === 'elapsed') {
    const startedAtMs = clock.monoMs();
    const bytes = await measure();
    if (life.aborted) return null;
    if (bytes > budgetBytes) return bytes;
    waitMs = Math.max(LOOK_MS, PART * (clock.monoMs() - startedAtMs));
  }
  return null;
}
