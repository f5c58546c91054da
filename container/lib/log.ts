/** Structured logs: one JSON object a line. Fields hold codes, statuses, ids and generations; never a token or a body (W-22). */
import type { Clock } from './clock.ts';
import { errorCode } from './error-code.ts';

/** How much an operator has to care. */
export type Level = 'info' | 'warn' | 'error';
/** What a line says beside its event. */
export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;
/** Where finished lines go. */
export type Sink = (level: Level, line: string) => void;

/** One method per level; `event` is a stable snake_case name. */
export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
}

const { log: toStdout, error: toStderr } = console;

/** Errors and warnings go to stderr, the rest to stdout. */
export const consoleSink: Sink = (level, line) => {
  if (level === 'info') toStdout(line);
  else toStderr(line);
};

/**
 * From here on what libraries print is not shown, and counted in the log, ever more rarely: they quote what they choke on, as often
 * as an agent or a caller sends it, and what reads a log finds no JSON in it. Of an error it says what a log may.
 */
export function countPrinted(log: Log): void {
  let count = 0;
  const printed = (thrown: unknown): void => {
    count += 1;
    if (isWorthALine(count))
      log.warn('library_printed', { count, ...(thrown instanceof Error ? errorFields(thrown) : {}) });
  };
  for (const method of ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const) console[method] = printed;
}

/** A log that writes JSON lines, stamped with this machine's time of day, into `sink`. */
export function createLog(clock: Clock, sink: Sink): Log {
  const write = (level: Level, event: string, fields?: Fields): void =>
    sink(level, JSON.stringify({ at: new Date(clock.wallMs()).toISOString(), level, event, ...fields }));
  return {
    info: (event, fields) => write('info', event, fields),
    warn: (event, fields) => write('warn', event, fields),
    error: (event, fields) => write('error', event, fields),
  };
}

/**
 * What a log may say of something thrown: its kind, its code and where it came from. Never its message: platforms quote what
 * they choke on (a header's value, a piece of JSON), and that may be a token (T6).
 */
export function errorFields(thrown: unknown): Fields {
  if (!(thrown instanceof Error)) return { error: typeof thrown };
  return { error: thrown.name, code: errorCode(thrown) ?? errorCode(thrown.cause), frames: framesOf(thrown) };
}

/** From the end of the message on: a message of several lines may hold some that look like frames. */
function framesOf({ stack = '', message }: Error): string {
  const messageAt = stack.indexOf(message);
  const behind = messageAt === -1 ? '' : stack.slice(messageAt + message.length);
  const frames = behind.split('\n').filter((line) => /^\s+at /.test(line));
  return frames
    .slice(0, 4)
    .map((line) => line.trim())
    .join(' ');
}

/**
 * Which of a row of failures are worth a line: the first three, then each tenth, past a hundred each hundredth, and so on: ever
 * more rarely, so that a long outage does not fill the log.
 * @param each how many failures lie between two lines after the first three
 */
export function isWorthALine(failures: number, each = 10): boolean {
  return failures <= 3 || failures % (each * 10 ** Math.max(0, Math.floor(Math.log10(failures / each)))) === 0;
}
