import { describe, expect, test } from 'vitest';
import { verdict } from './checks.ts';
import { bucketed } from './plot.ts';
import { reportOf } from './report.ts';
import { BOB, at, call, called, quietRun, withLines } from './support/quiet-run.ts';

const page = (history = quietRun()): string => reportOf(history, verdict(history), 3);

describe('the report', () => {
  test('is complete in itself: it asks for nothing, and runs nothing', () => {
    expect(page()).not.toMatch(/<script|<link|<img|<iframe|src=|href=|url\(|@import|https?:/);
  });

  test('names the seed, and how to repeat the run', () => {
    expect(page()).toContain('npm run chaos -- --minutes 3 --seed 1');
  });

  test('has a plot for ages, lags, calls and turns, with what was broken behind them', () => {
    const history = quietRun({ troubles: [{ from: at(1), to: at(3), kind: 'kill worker' }] });
    expect(page(history).match(/<svg /g)).toHaveLength(4);
    expect(page(history).match(/<rect /g)).toHaveLength(4);
    expect(page(history)).toContain('<td>1.0 to 3.0 s</td><td>kill worker</td>');
  });

  test('says first whether all held, and lists what did not', () => {
    expect(page()).toContain('<h1>Every promise held</h1>');
    const broken = page(withLines(called({ as: BOB })));
    expect(broken).toContain('<h1>1 broken</h1>');
    expect(broken).toContain(`held a token of ${BOB}`);
    expect(page(quietRun({ aftermath: null }))).toContain('<h1>The run was ended early</h1>');
  });

  test('shows text as text', () => {
    expect(page(quietRun({ troubles: [{ from: at(1), to: at(2), kind: '<b>' }] }))).not.toContain('<b>');
  });

  test('holds no number that is none, where nothing happened', () => {
    expect(page(quietRun({ calls: [], acks: [], lines: [], towns: [], sent: [] }))).not.toMatch(
      /NaN|Infinity|undefined/,
    );
  });

  test('grows with its minutes, and not with its calls', () => {
    const many = Array.from({ length: 20_000 }, (_, nth) => call({ at: at((nth / 20_000) * 60) }));
    expect(page(quietRun({ calls: many })).length).toBeLessThan(30_000);
  });
});

test('a plot joins what falls into the same piece of time, and fills the others where it counts', () => {
  const points = [0.1, 0.9, 2.5].map((time) => ({ at: time, value: 1 }));
  const sum = (values: readonly number[]): number => values.length;
  expect(bucketed(points, 3, sum)).toEqual([
    { at: 0, value: 2 },
    { at: 2, value: 1 },
  ]);
  expect(bucketed(points, 3, sum, 0)).toEqual([
    { at: 0, value: 2 },
    { at: 1, value: 0 },
    { at: 2, value: 1 },
  ]);
});
