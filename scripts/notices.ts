/** The licenses of the packages that a bundle holds, whose texts travel with it. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { lockedAt, nameOf, readLock, type Lock } from './lock-file.ts';
import { ROOT } from './programs.ts';

/** Bytes of a bundle, by the folder of the package that they come from; `OWN` is Reeve itself. */
export type Bytes = ReadonlyMap<string, number>;
export const OWN = '';

/** The file that lies beside a bundle. */
export const NOTICES = 'THIRD-PARTY-NOTICES.txt';

/** Licenses that ask for no more than their text and a notice: a bundle may hold what is under one of them. */
const ALLOWED: ReadonlySet<string> = new Set([
  'MIT',
  'ISC',
  '0BSD',
  'BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Python-2.0',
  'Unlicense',
]);
/** The sentence that makes a text that of the MIT license. */
const MIT_GRANT = /Permission is hereby granted, free of\s+charge, to any person/;
const LICENSE_FILE = /^(?:licen[cs]e|notice|copying)\b/i;

/** Whether an SPDX expression lets a bundle hold the package: one side of an OR is enough, of an AND all have to. */
export const isAllowed = (expression: string): boolean =>
  expression
    .replace(/^\((.*)\)$/, '$1')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((license) => ALLOWED.has(license)));

/** What the package of a folder says of its license; where it says nothing, what its text is. `unknown` is allowed nowhere. */
export function licenseOf(lock: Lock, folder: string): string {
  const { license } = lockedAt(lock, folder);
  return license ?? (MIT_GRANT.test(textsOf(folder).join('\n')) ? 'MIT' : 'unknown');
}

/** Sums up what esbuild tells of a build. */
export const bytesOf = ({ outputs }: Metafile): Bytes =>
  sumByPackage(
    Object.values(outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).map(([file, { bytesInOutput }]) => [file, bytesInOutput] as const),
    ),
  );

/** The bytes that each source file has in a bundle, summed up by package. What a bundler left out has none, and is not in it. */
export function sumByPackage(files: Iterable<readonly [file: string, bytes: number]>): Bytes {
  const sums = new Map<string, number>();
  for (const [file, bytes] of files) {
    const folder = /(?:^|\/)((?:node_modules\/(?:@[^/]+\/)?[^/]+\/)+)/.exec(file)?.[1]?.slice(0, -1) ?? OWN;
    if (bytes > 0) sums.set(folder, (sums.get(folder) ?? 0) + bytes);
  }
  return sums;
}

/** The text of the file beside a bundle: each package that is in it, with its version and license, and the texts that it comes with. */
export function noticesOf(bytes: Bytes): string {
  const lock = readLock();
  const folders = [...bytes.keys()].filter((folder) => folder !== OWN).toSorted();
  const notices = folders.map((folder) => {
    const locked = lockedAt(lock, folder);
    const texts = textsOf(folder);
    return [
      `${nameOf(folder, locked)} ${locked.version} (${licenseOf(lock, folder)})`,
      ...(texts.length > 0 ? texts : ['The package comes without a text of its license.']),
    ].join('\n\n');
  });
  return `${['This bundle holds the packages below, each under its own license.', ...notices].join(`\n\n${'-'.repeat(80)}\n`)}\n`;
}

const textsOf = (folder: string): string[] =>
  readdirSync(join(ROOT, folder))
    .filter((name) => LICENSE_FILE.test(name))
    .toSorted()
    .map((name) => readFileSync(join(ROOT, folder, name), 'utf8').trim());
