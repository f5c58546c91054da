/** docs/acceptance.md promises which test shows which case: this holds it to that. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { owedCases, idsIn, rowsOf } from './support/acceptance.ts';
import { testNames } from './support/architecture.ts';
import { ROOT, parseSource, readSources } from './support/source.ts';

const DOCUMENT = readFileSync(join(ROOT, 'docs/acceptance.md'), 'utf8');
const ROWS = rowsOf(DOCUMENT);

/** Test file -> the ids in the names of its tests. */
const SHOWN = new Map(
  readSources('test')
    .filter(({ path }) => path.endsWith('.test.ts'))
    .map((file) => [file.path, new Set(testNames(file).flatMap(({ name }) => idsIn(name)))]),
);

describe('the table of acceptance cases', () => {
  test('has one row for each case', () => {
    const ids = ROWS.map(({ id }) => id);
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
    expect(ids.length).toBeGreaterThan(40);
  });

  test('names for each case the files of its tests, and its id stands in the name of a test there', () => {
    const broken = ROWS.flatMap(({ id, files }) => {
      if (files.length === 0) return [`${id} names no test`];
      return files
        .filter((file) => SHOWN.get(file)?.has(id) !== true)
        .map(
          (file) => `${id} stands in no test of ${file}${existsSync(join(ROOT, file)) ? '' : ', which is not there'}`,
        );
    });
    expect(broken).toEqual([]);
  });

  test('has a row for every case that a part owes', () => {
    const owed = owedCases(DOCUMENT);
    expect(owed.length).toBeGreaterThan(100);
    const rows = new Set(ROWS.map(({ id }) => id));
    expect(owed.filter((id) => !rows.has(id))).toEqual([]);
  });

  test('has a row for every case that a test shows', () => {
    const rows = new Set(ROWS.map(({ id }) => id));
    const missing = [...SHOWN].flatMap(([file, ids]) =>
      [...ids].filter((id) => !rows.has(id)).map((id) => `${id}, shown in ${file}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('how it is read', () => {
  test('an id counts where it stands in the name of a test, and not in a comment, a text or another word', () => {
    const file = parseSource(
      'test/a.test.ts',
      `// W-01: a comment
       const text = 'W-02: a text';
       describe('W-03, W-04: two', () => {
         test('W-05: one', () => {});
         test.each([1])('W-06: %s', () => {});
         test(\`W-07: \${text}\`, () => {});
         test('NEW-08 and W-091', () => {});
       });`,
    );
    expect(testNames(file).flatMap(({ name }) => idsIn(name))).toEqual(['W-03', 'W-04', 'W-05', 'W-06', 'W-07']);
  });

  test('a row is an id, a claim and the files of its tests', () => {
    const rows = rowsOf(
      '| id | claim | tests |\n| --- | --- | --- |\n| S-16 | forged | `test/a.test.ts`, `test/b/c.test.ts` |\n| K-01 | x | |\n',
    );
    expect(rows).toEqual([
      { id: 'S-16', files: ['test/a.test.ts', 'test/b/c.test.ts'] },
      { id: 'K-01', files: [] },
    ]);
    expect(owedCases('Text W-01.\n\nThe core owes: W-02, A-03,\nS-04.\n\nW-05')).toEqual(['W-02', 'A-03', 'S-04']);
  });
});
