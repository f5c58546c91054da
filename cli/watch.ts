/** `--watch`: a thing is read again and again, and shown when it has changed. */
import type { Session } from './session.ts';

/** Between two readings (ms). */
const PACE_MS = 2000;

/** What is read; or shown for as long as the command lasts, where it is watched. */
export async function watch<T>(
  { world }: Session,
  isWatched: boolean | undefined,
  read: () => Promise<T>,
  show: (value: T) => void,
): Promise<T> {
  for (let shown = ''; ;) {
    const value = await read();
    const text = JSON.stringify(value);
    if (text !== shown) show(value);
    shown = text;
    if (isWatched !== true) return value;
    await world.sleep(PACE_MS, world.ending);
  }
}
