import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { costTable, readDayCounts } from '../../scripts/scale-costs.ts';
import { ROOT } from '../support/source.ts';

const squeezed = (text: string): string => text.replaceAll(/ +/g, ' ').replaceAll(/-+/g, '-');

test('docs/scale.md has the table that the counts of a day come to', () => {
  expect(squeezed(readFileSync(join(ROOT, 'docs/scale.md'), 'utf8'))).toContain(squeezed(costTable(readDayCounts())));
});

test('what is counted once more costs more', () => {
  const counts = readDayCounts();
  const working = { ...counts.working, rows_written: counts.working.rows_written * 10 };
  expect(costTable({ ...counts, working })).not.toBe(costTable(counts));
});
