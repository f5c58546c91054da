import { describe, expect, it } from 'vitest';
import { createLog, errorFields, isWorthALine } from '../../../container/lib/log.ts';
import { ManualClock } from '../support/manual-clock.ts';

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

it('of a long row ever fewer are worth a line: past a hundred each hundredth, past a thousand each thousandth', () => {
  const worth = (each?: number) =>
    Array.from({ length: 5_000 }, (_, at) => at + 1).filter((failures) => isWorthALine(failures, each));
  expect(worth().filter((failures) => failures > 80)).toEqual([
    90, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 2000, 3000, 4000, 5000,
  ]);
  expect(worth(20).slice(0, 5)).toEqual([1, 2, 3, 20, 40]);
  expect(worth(20).filter((failures) => failures > 160)).toEqual([
    180, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800, 2000, 4000,
  ]);
});

it('M-21: failures 1 to 3 and each 10th are worth a line', () => {
  const worth = Array.from({ length: 30 }, (_, at) => at + 1).filter((failures) => isWorthALine(failures));
  expect(worth).toEqual([1, 2, 3, 10, 20, 30]);
});
