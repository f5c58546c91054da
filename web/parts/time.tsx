import { useConsole } from '../app/console.ts';
import { clockTime, relative } from '../lib/time.ts';

/** A moment as people say it; the exact one is in its title. */
export function Moment({ at, or = 'never' }: { readonly at: string | null; readonly or?: string }) {
  const { nowMs } = useConsole();
  if (at === null) return <span class="quiet">{or}</span>;
  return (
    <time dateTime={at} title={at}>
      {relative(at, nowMs.value)}
    </time>
  );
}

/** The time of day, for lists in the order of time. */
export function TimeOfDay({ at }: { readonly at: string }) {
  const { nowMs } = useConsole();
  return (
    <time dateTime={at} title={at}>
      {clockTime(at, nowMs.value)}
    </time>
  );
}
