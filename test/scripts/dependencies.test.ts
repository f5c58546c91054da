/** What is installed, under which license, and what docs/dependencies.md says of it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stop as stopBundler } from 'esbuild';
import { afterAll, describe, expect, test } from 'vitest';
import { buildPackage } from '../../scripts/build-package.ts';
import { dependenciesPage, reasonsIn } from '../../scripts/dependencies.ts';
import { broughtBy, readLock, readProject } from '../../scripts/lock-file.ts';
import { NOTICES, OWN, isAllowed, licenseOf, sumByPackage } from '../../scripts/notices.ts';
import { readShipments } from '../../scripts/shipments.ts';
import { ROOT } from '../support/source.ts';

const lock = readLock();
const project = readProject();

/** As the lock file has it. */
const packageOf = (...names: string[]) => ({
  version: '1.0.0',
  hasInstallScript: false,
  dependencies: Object.fromEntries(names.map((name) => [name, '*'])),
  optionalDependencies: {},
});

afterAll(() => stopBundler());

test('docs/dependencies.md says what is so; `npm run dependencies` writes it', async () => {
  await expect(await dependenciesPage()).toMatchFileSnapshot(join(ROOT, 'docs/dependencies.md'));
});

describe('what is installed', () => {
  test('has an exact version for each direct dependency', () => {
    for (const [name, version] of Object.entries(project.devDependencies))
      expect(version, name).toMatch(/^(?:npm:(?:@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/);
  });

  test('has a digest for each package, and comes from whichever registry the machine uses', () => {
    expect(lock.size).toBeGreaterThan(Object.keys(project.devDependencies).length);
    for (const [folder, { integrity, resolved }] of lock)
      expect([integrity, resolved], folder).toEqual([expect.stringMatching(/^sha512-/), undefined]);
  });

  test('asks to run no install script that package.json does not decide on', () => {
    const asking = [...lock].filter(([, { hasInstallScript }]) => hasInstallScript).map(([folder]) => folder);
    const decided = Object.keys(project.allowScripts).map((name) => `node_modules/${name}`);
    expect(asking.toSorted()).toEqual(decided.toSorted());
  });

  test('brings no package to who installs Reeve: all are bundled', () => {
    const told: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies'])
      expect(told).not.toHaveProperty(kind);
  });
});

describe('a license', () => {
  test('is one that asks for no more than a notice, for each package that ships', async () => {
    for (const { name, bytes } of await readShipments(lock)) {
      for (const folder of [...bytes.keys()].filter((folder) => folder !== OWN))
        expect(isAllowed(licenseOf(lock, folder)), `${name}: ${folder}: ${licenseOf(lock, folder)}`).toBe(true);
    }
  });

  test.each(['MIT', '(MPL-2.0 OR Apache-2.0)', '(Apache-2.0 AND BSD-3-Clause)'])('of %s may ship', (license) => {
    expect(isAllowed(license)).toBe(true);
  });

  test.each(['MPL-2.0', 'Apache-2.0 AND LGPL-3.0-or-later', '(GPL-2.0 OR AGPL-3.0)', 'unknown', 'UNLICENSED'])(
    'of %s may not',
    (license) => {
      expect(isAllowed(license)).toBe(false);
    },
  );

  test('is read from the text where a package does not name it, and is unknown where there is no such text', () => {
    const unnamed = (folder: string) => licenseOf(new Map([[folder, packageOf()]]), folder);
    expect(unnamed('node_modules/zod')).toBe('MIT');
    expect(unnamed('node_modules/@modelcontextprotocol')).toBe('unknown');
  });
});

test('the npm package carries the license of each package that is bundled into it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'reeve-notices-'));
  try {
    await buildPackage(folder);
    const notices = readFileSync(join(folder, NOTICES), 'utf8');
    const { version } = lock.get('node_modules/commander') ?? {};
    expect(notices).toContain(`commander ${version} (MIT)\n\n(The MIT License)`);
    expect(notices).toContain(readFileSync(join(ROOT, 'node_modules/commander/LICENSE'), 'utf8').trim());
    expect(notices).toMatch(/^@bomb\.sh\/tab [\d.]+ \(MIT\)$/m);
    expect(notices).not.toContain('zod');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('bytes count for the innermost package of a file, and what a bundler left out for none', () => {
  const files = [
    ['/home/a/node_modules/b/node_modules/@c/d/e.js', 1],
    ['node_modules/b/index.js', 2],
    ['node_modules/b/lib/more.js', 3],
    ['node_modules/f/index.js', 0],
    ['src/index.ts', 4],
  ] as const;
  const sums = [...sumByPackage(files)];
  expect(sums).toEqual([
    ['node_modules/b/node_modules/@c/d', 1],
    ['node_modules/b', 5],
    [OWN, 4],
  ]);
});

test('a package brings what its own bring, from the nearest folder around it', () => {
  const folders = new Map([
    ['node_modules/a', packageOf('b', 'c')],
    ['node_modules/b', packageOf()],
    ['node_modules/c', packageOf('a')],
    ['node_modules/a/node_modules/b', packageOf('c')],
    ['node_modules/d', packageOf('gone')],
  ]);
  const brought = [...broughtBy(folders, 'node_modules/a')];
  expect(brought).toEqual(['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/c']);
  expect(() => broughtBy(folders, 'node_modules/d')).toThrow('package-lock.json has no node_modules/gone');
});

describe("README's table", () => {
  const readme = (...rows: string[]) =>
    [
      '## Dependencies, and why each is there',
      '',
      '| Package | Why |',
      '| --- | --- |',
      ...rows,
      '',
      '## Next',
      '',
    ].join('\n');

  test('gives each dependency one reason, several of them the same', () => {
    const reasons = reasonsIn(readme('| a, @b/c | both |', '| d   | alone |'), ['a', '@b/c', 'd']);
    expect([...reasons]).toEqual([
      ['a', 'both'],
      ['@b/c', 'both'],
      ['d', 'alone'],
    ]);
  });

  test.each([
    ['no reason for b', ['| a | one |'], ['a', 'b']],
    ['two reasons for a', ['| a | one |', '| a | two |'], ['a']],
    ['a reason for gone', ['| a, gone | one |'], ['a']],
  ])('is refused where it gives %s', (what, rows, dependencies) => {
    expect(() => reasonsIn(readme(...rows), dependencies)).toThrow(what);
  });
});
