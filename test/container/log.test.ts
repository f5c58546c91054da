import { describe, expect, it } from 'vitest';
import { createLog, errorFields, isWorthALine } from '../../container/log.ts';
import { ManualClock } from './support/manual-clock.ts';

it('writes one JSON object a line, with its level for the sink', () => {
  const lines: [string, unknown][] = [];
  const log = createLog(new ManualClock(), (level, line) => void lines.push([level, JSON.parse(line)]));
  log.info('ready', { port: 1 });
  log.warn('late');
  log.error('broken', { code: 'EX', missing: undefined });
  const at = new Date(ManualClock.START_MS).toISOString();
  expect(lines).toEqual([
    ['info', { at, level: 'info', event: 'ready', port: 1 }],
    ['warn', { at, level: 'warn', event: 'late' }],
    ['error', { at, level: 'error', event: 'broken', code: 'EX' }],
  ]);
});

describe('W-22: what is said of an error', () => {
  it('is its name, its code and its place, never its message', () => {
    const cause = Object.assign(new Error('connect to Bearer abc'), { code: 'ECONNREFUSED' });
    const fields = errorFields(new TypeError('bad header: Bearer abc', { cause }));
    expect(fields).toMatchObject({ error: 'TypeError', code: 'ECONNREFUSED' });
    expect(fields['frames']).toContain('log.test.ts');
    expect(JSON.stringify(fields)).not.toContain('abc');
  });

  it('is only its type where it is no error', () => {
    expect(errorFields('Bearer abc')).toEqual({ error: 'string' });
  });
});

it('M-21: failures 1 to 3 and each 10th are worth a line', () => {
  const worth = Array.from({ length: 30 }, (_, at) => at + 1).filter((failures) => isWorthALine(failures));
  expect(worth).toEqual([1, 2, 3, 10, 20, 30]);
});
