import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isMet, type Finding } from '../../bench/claims/claim.ts';
import { interleaved, median, ratio, type Side } from '../../bench/measure.ts';
import { findingsTable, withFindings } from '../../bench/report.ts';

const ROOT = join(import.meta.dirname, '../..');

const finding = (changes: Partial<Finding> = {}): Finding => ({
  id: 'a',
  what: 'One against the other',
  value: 3.1234,
  unit: 'x as fast',
  goal: { at: 'least', value: 3 },
  times: [
    { name: 'one', ms: [1, 9, 2] },
    { name: 'other', ms: [10, 20] },
  ],
  ...changes,
});

describe('a comparison', () => {
  test('takes each side as often as asked, by turns, after one round that does not count, and times the job alone', async () => {
    const done: string[] = [];
    const side = (name: string): Side => ({
      name,
      before: async () => done.push(`before ${name}`),
      run: async () => done.push(name),
      after: async () => done.push(`after ${name}`),
    });
    const times = await interleaved([side('a'), side('b')], 2);
    expect(times.map(({ name, ms }) => [name, ms.length])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
    expect(done.filter((what) => what.length === 1).join('')).toBe('baabba');
    expect(done.slice(0, 3)).toEqual(['before b', 'b', 'after b']);
  });

  test('is of medians', () => {
    const { times } = finding();
    expect([median([5]), median([4, 1]), median([9, 1, 2])]).toEqual([5, 2.5, 2]);
    expect([ratio(times, 'one', 'other'), ratio(times, 'other', 'one')]).toEqual([7.5, 2 / 15]);
    expect(() => median([])).toThrow('no values');
    expect(() => ratio(times, 'one', 'none')).toThrow('no side none');
  });

  test('meets its goal or not, or is held to none', () => {
    expect([isMet(finding()), isMet(finding({ value: 2 }))]).toEqual([true, false]);
    expect(isMet(finding({ goal: { at: 'most', value: 3 } }))).toBe(false);
    expect(isMet(finding({ goal: null }))).toBeNull();
  });
});

describe('the report', () => {
  const document = 'before\n<!-- measured -->\nold\n<!-- /measured -->\nafter\n';

  test('says in a table what is not met', () => {
    const slow = finding({ value: 123.4, goal: { at: 'most', value: 100 } });
    const rows = findingsTable([finding(), slow])
      .split('\n')
      .map((row) => row.split('|').map((cell) => cell.trim()));
    expect(rows[2]).toEqual(['', 'One against the other', '3.1 x as fast', 'at least 3', 'yes', '']);
    expect(rows[3]).toEqual(['', 'One against the other', '123 x as fast', 'at most 100', '**no**', '']);
  });

  test('takes the place of the one before, with a plot of each comparison, and can be written again', () => {
    const written = withFindings(document, [finding()]);
    expect(written).toMatch(
      /^before\n<!-- measured -->\n\n\| What .*bar \[2, 15\]\n```\n\n<!-- \/measured -->\nafter\n$/s,
    );
    expect(written).not.toContain('old');
    expect(withFindings(written, [finding()])).toBe(written);
    expect(() => withFindings('no place', [])).toThrow('no place between');
  });

  test('in docs is of the rounds that lie beside it, and each of them is there', () => {
    const text = readFileSync(join(ROOT, 'docs/benchmarks.json'), 'utf8');
    const { rounds, findings } = JSON.parse(text) as { rounds: number; findings: Finding[] };
    const shown = readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8');
    expect(withFindings(shown, findings)).toBe(shown);
    expect(rounds).toBeGreaterThanOrEqual(5);
    for (const { times } of findings.filter((one) => one.times.length > 1))
      for (const { ms } of times) expect(ms.length).toBe(rounds);
  });
});
