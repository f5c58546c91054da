import { pause, type Clock } from '../../lib/clock.ts';

/** Between two measurements (ms). A disk that is written at full speed takes a few hundred MiB meanwhile. */
const MEASURE_EVERY_MS = 5_000;
/** A measurement takes at most this part of the time. */
const PART = 20;

interface Budget {
  readonly clock: Clock;
  /** Ends the measurements. */
  readonly life: AbortSignal;
  readonly budgetBytes: number;
  /** How much is in use (bytes). Never rejects. */
  readonly measure: () => Promise<number>;
}

/** Resolves to what is in use (bytes) as soon as that is more than the budget, to null when `life` ends first. Never rejects. */
export async function overBudget({ clock, life, budgetBytes, measure }: Budget): Promise<number | null> {
  let waitMs = MEASURE_EVERY_MS;
  while ((await pause(clock, life, waitMs)) === 'elapsed') {
    const startedAtMs = clock.monoMs();
    const bytes = await measure();
    if (life.aborted) return null;
    if (bytes > budgetBytes) return bytes;
    waitMs = Math.max(MEASURE_EVERY_MS, PART * (clock.monoMs() - startedAtMs));
  }
  return null;
}
