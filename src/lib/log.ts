/** Structured logs: one JSON object a line, which Workers Logs indexes by field. */
import type { Clock } from './clock.ts';

type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes structured lines. `event` is a stable name, such as `http.request`; no token text may be in a field (T6). */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
}

const line = (level: string, event: string, fields: Fields | undefined): string =>
  JSON.stringify({ level, event, ...fields });

/** Writes each line to the console method of its level, which Workers Logs keeps. */
export const consoleLog: Log = {
  info: (event, fields) => console.log(line('info', event, fields)),
  warn: (event, fields) => console.warn(line('warn', event, fields)),
  error: (event, fields) => console.error(line('error', event, fields)),
};

/** The same log, in which each line has these fields too. */
export function withFields(log: Log, own: Fields): Log {
  return {
    info: (event, fields) => log.info(event, { ...own, ...fields }),
    warn: (event, fields) => log.warn(event, { ...own, ...fields }),
    error: (event, fields) => log.error(event, { ...own, ...fields }),
  };
}

/** A row of repeats ends when nothing was added to it for so long (ms): the next one counts as the first again. */
const QUIET_MS = 600_000;
/** Rows that are counted at once; past it the one that was added to longest ago is forgotten. */
const MAX_ROWS = 1000;
/** Fields that differ from line to line of one row. */
const VARYING: readonly string[] = ['error', 'request_id', 'trace_id', 'span_id', 'generation'];

/**
 * A log in which warnings and errors that repeat come ever more rarely: the first three of a row, then the 4th, 8th, 16th and so on,
 * each with its number as `repeats`. A row is one event about one thing; another reason, town or agent is another row, so what
 * changes is logged at once. Information always is.
 */
export function rarely(log: Log, clock: Clock): Log {
  const rows = new Map<string, { count: number; lastAtMs: number }>();
  const write =
    (level: 'warn' | 'error') =>
    (event: string, fields: Fields = {}): void => {
      const row = JSON.stringify([level, event, Object.entries(fields).filter(([name]) => !VARYING.includes(name))]);
      const now = clock.now();
      const known = rows.get(row);
      const count = known === undefined || now - known.lastAtMs > QUIET_MS ? 1 : known.count + 1;
      rows.delete(row);
      rows.set(row, { count, lastAtMs: now });
      for (const oldest of rows.keys()) {
        if (rows.size <= MAX_ROWS) break;
        rows.delete(oldest);
      }
      if (count <= 3 || Number.isInteger(Math.log2(count)))
        log[level](event, count > 1 ? { ...fields, repeats: count } : fields);
    };
  return { info: (event, fields) => log.info(event, fields), warn: write('warn'), error: write('error') };
}
