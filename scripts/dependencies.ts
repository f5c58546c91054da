/** The text of docs/dependencies.md, made of package.json, the lock file, README's reasons, what is installed, and what ships. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { broughtBy, isOfPlatform, lockedAt, nameOf, readLock, readProject, type Lock } from './lock-file.ts';
import { tableOf } from './markdown-table.ts';
import { OWN, licenseOf } from './notices.ts';
import { ROOT } from './programs.ts';
import { readShipments, type Shipment } from './shipments.ts';

/** Builds all that ships, in memory. Rejects where something does not build, or README gives a dependency no reason or two. */
export async function dependenciesPage(): Promise<string> {
  const lock = readLock();
  const { devDependencies, allowScripts } = readProject();
  const reasons = reasonsIn(readFileSync(join(ROOT, 'README.md'), 'utf8'), Object.keys(devDependencies));
  const shipments = await readShipments(lock);
  const weigh = weigherOf(lock, allowScripts);
  const rows = [...reasons].map(([name, reason]) => {
    const folder = `node_modules/${name}`;
    const { version } = lockedAt(lock, folder);
    return [name, version, licenseOf(lock, folder), placesOf(folder, shipments), weigh(folder), reason];
  });
  const head = ['Package', 'Version', 'License', 'Ships in, with kB', 'Installed, MB', 'Why'];
  return pageOf(tableOf([head, ...rows]), tableOf([SHIPMENT_HEAD, ...shipments.map((one) => shipmentRow(lock, one))]));
}

const pageOf = (dependencies: string, shipments: string): string => `# Dependencies

Written by \`npm run dependencies\`, and checked by the tests: change the reasons in the [README](../README.md#dependencies-and-why-each-is-there),
the versions in \`package.json\`.

All are devDependencies: what ships is bundled, and brings nothing to install. Versions are exact, the lock file has the digest (SHA-512) of
each package, and \`allowScripts\` of \`package.json\` decides on each package that has an install script.

## What ships

${shipments}

kB are thousands of bytes, to two digits, before anything is minified; only the console and the page are. The page at \`/docs\` is a file that its
package has ready, with a file of licenses, and counts as holding all that the package brings. A test refuses each license that is not on the
list of \`scripts/notices.ts\`. Beside the programs of the image, of the npm package and of the console lies \`THIRD-PARTY-NOTICES.txt\` with the
licenses of what is in them; the Worker runs where it is deployed, and is handed to no one. What each holds by name and version is in the
[list of materials](operations.md#packages-and-where-they-come-from).

## Direct dependencies

${dependencies}

Installed is a package with all that it brings, which may bring the same as another. \`+\`: and programs for the platform that installs it,
of which \`workerd\`, \`node\` and TypeScript's compiler have about 100 MB each.
`;

/**
 * The reason for each dependency, in the order of README's table. A row may give one for several.
 * Throws where a dependency has none or two, and where one is given for what is no dependency.
 */
export function reasonsIn(readme: string, dependencies: readonly string[]): ReadonlyMap<string, string> {
  const [, section = ''] = /^## Dependencies, and why each is there\n(.*?)^## /ms.exec(readme) ?? [];
  const reasons = new Map<string, string>();
  for (const [, names = '', reason = ''] of section.matchAll(/^\| ([^|]+?) +\| ([^|]+?) +\|$/gm)) {
    if (names === 'Package' || names.startsWith('--')) continue;
    for (const name of names.split(', ')) {
      if (reasons.has(name)) throw new Error(`README.md gives two reasons for ${name}`);
      reasons.set(name, reason);
    }
  }
  for (const name of dependencies) if (!reasons.has(name)) throw new Error(`README.md gives no reason for ${name}`);
  for (const name of reasons.keys())
    if (!dependencies.includes(name)) throw new Error(`README.md gives a reason for ${name}`);
  return reasons;
}

const placesOf = (folder: string, shipments: readonly Shipment[]): string =>
  shipments.flatMap(({ name, bytes }) => (bytes.has(folder) ? [`${name} ${inKb(bytes.get(folder))}`] : [])).join(', ');

const SHIPMENT_HEAD = ['What', 'Packages', 'kB of them', 'Licenses'];
function shipmentRow(lock: Lock, { name, bytes }: Shipment): string[] {
  const packages = [...bytes].filter(([folder]) => folder !== OWN);
  const counts = new Map<string, number>();
  for (const license of packages.map(([folder]) => licenseOf(lock, folder)).toSorted())
    counts.set(license, (counts.get(license) ?? 0) + 1);
  const licenses = [...counts].map(([license, count]) => `${license} ${count}`).join(', ');
  return [name, String(packages.length), inKb(packages.reduce((sum, [, one]) => sum + one, 0)), licenses];
}

/** To two digits: names that a bundler has to choose differ in length with all else that is in the bundle. */
const inKb = (bytes = 0): string => Number((bytes / 1000).toPrecision(2)).toLocaleString('en');

/**
 * Weighs a package with all that it brings, the same on every platform: what is there for one platform alone is left out and marked,
 * whether it is a package of its own or is put there by an install script.
 */
function weigherOf(lock: Lock, allowScripts: Readonly<Record<string, boolean>>): (folder: string) => string {
  const sizes = new Map<string, number>();
  const sizeOf = (folder: string): number => {
    const size = sizes.get(folder) ?? folderBytes(join(ROOT, folder));
    sizes.set(folder, size);
    return size;
  };
  const differs = (folder: string): boolean => {
    const locked = lockedAt(lock, folder);
    return isOfPlatform(locked) || (locked.hasInstallScript && allowScripts[nameOf(folder, locked)] === true);
  };
  return (folder) => {
    const brought = [...broughtBy(lock, folder)];
    const everywhere = brought.filter((one) => !differs(one));
    const bytes = everywhere.reduce((sum, one) => sum + sizeOf(one), 0);
    return `${(bytes / 1e6).toFixed(1)}${everywhere.length < brought.length ? ' +' : ''}`;
  };
}

/** Of all files of a package, without the packages in it. */
function folderBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => name !== 'node_modules')
    .map((entry) => join(folder, entry.name))
    .reduce((sum, path) => sum + (statSync(path).isDirectory() ? folderBytes(path) : statSync(path).size), 0);
}
