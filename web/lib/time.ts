/** Times as people read them. Everything takes `nowMs`, so that a page which shows it can tick. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `45 s`, `12 min`, `3 h 20 min`, `4 d`. Never negative. */
export function duration(ms: number): string {
  const positive = Math.max(0, ms);
  if (positive < MINUTE) return `${Math.floor(positive / SECOND)} s`;
  if (positive < HOUR) return `${Math.floor(positive / MINUTE)} min`;
  if (positive >= 2 * DAY) return `${Math.floor(positive / DAY)} d`;
  const minutes = Math.floor((positive % HOUR) / MINUTE);
  return `${Math.floor(positive / HOUR)} h${minutes === 0 ? '' : ` ${minutes} min`}`;
}

/** `just now`, `12 min ago`, `in 3 h`. */
export function relative(iso: string, nowMs: number): string {
  const ms = nowMs - Date.parse(iso);
  if (Math.abs(ms) < 2 * SECOND) return 'just now';
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

/** The time of day on this machine, with the day where it is another one. */
export function clockTime(iso: string, nowMs: number): string {
  const date = new Date(iso);
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  return new Intl.DateTimeFormat(undefined, isToday ? time : { ...time, month: 'short', day: 'numeric' }).format(date);
}
