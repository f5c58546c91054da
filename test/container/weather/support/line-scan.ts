/** Looks through everything that a control server lets be seen: the lines of its log as they are printed, and its answers. */
import type { Clock } from '../../../../container/lib/clock.ts';
import { createLog, type Level } from '../../../../container/lib/log.ts';
import { findSecrets } from '../../../support/secret-scan.ts';
import type { LogLine } from '../../support/log.ts';

/** The lines as the real log prints them. */
export function printed(clock: Clock, kept: readonly LogLine[]): { level: Level; line: string }[] {
  const lines: { level: Level; line: string }[] = [];
  const log = createLog(clock, (level, line) => lines.push({ level, line }));
  for (const { level, event, fields } of kept) log[level](event, fields);
  return lines;
}

/** Codes, statuses, ids, generations, counts, durations and places: all that a line may hold. */
const ALLOWED_FIELDS = new Set(
  [
    [
      'at',
      'level',
      'event',
      'agent',
      'inc',
      'gen',
      'container',
      'session',
      'epoch',
      'boot',
      'host',
      'port',
      'agent_users',
    ],
    ['code', 'status', 'reason', 'outcome', 'error', 'frames', 'loop', 'method', 'path', 'signal', 'advice', 'tool'],
    ['failures', 'losses', 'refusals', 'keys'],
    // Of one message and its turn; the ids of a trace are hexadecimal, whoever drew them.
    ['message', 'state', 'duration_ms', 'trace_id', 'span_id'],
  ].flat(),
);
/** A line is for reading: four frames of a stack are its longest part. */
const MAX_LINE_CHARS = 1_500;

/** Texts that no line may hold, by the name that a failure shows: whole or cut, but by no less than this beginning. */
export type Marks = Readonly<Record<string, string>>;

/** What is wrong with a line: nothing, or why it says too much. */
export function faultsOf(line: string, marks: Marks): string[] {
  const faults = findSecrets('a log line', line, {}).map(({ what, at }) => `holds ${what} at ${at}`);
  const held = Object.entries(marks).filter(([, mark]) => line.includes(mark));
  faults.push(...held.map(([what]) => `holds ${what}`));
  const fields: unknown = JSON.parse(line);
  const names = typeof fields === 'object' && fields !== null ? Object.keys(fields) : [];
  faults.push(...names.filter((name) => !ALLOWED_FIELDS.has(name)).map((name) => `has a field ${name}`));
  if (line.length > MAX_LINE_CHARS) faults.push(`has ${line.length} characters`);
  return faults;
}
