/** The lists of materials, as `npm run sbom` writes them. */
import { basename } from 'node:path';
import { stop as stopBundler } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nameOf, readLock } from '../../scripts/lock-file.ts';
import { OWN } from '../../scripts/notices.ts';
import { makeSboms, type Sbom } from '../../scripts/sbom.ts';
import { readShipments, type Shipment } from '../../scripts/shipments.ts';
import { ROOT } from '../support/source.ts';

const lock = readLock();
const lists = new Map<string, Sbom>();
const shipments = new Map<string, Shipment>();

beforeAll(async () => {
  for (const [name, list] of Object.entries(await makeSboms())) lists.set(name, list);
  for (const shipment of await readShipments(lock)) shipments.set(shipment.name, shipment);
});
afterAll(() => stopBundler());

function listOf(name: 'all' | 'image'): Sbom {
  const list = lists.get(name);
  if (list === undefined) throw new Error(`no list ${name}`);
  return list;
}
/** The packages of the lock file that lie in these folders, as a list names them. */
const refsIn = (folders: Iterable<string>): string[] =>
  [...folders].flatMap((folder) => {
    const locked = lock.get(folder);
    return locked === undefined ? [] : [`${nameOf(folder, locked)}@${locked.version}`];
  });
const shippedIn = (names: Iterable<string>): string[] =>
  [...names].flatMap((name) => refsIn([...(shipments.get(name)?.bytes.keys() ?? [])].filter((one) => one !== OWN)));
const sorted = (refs: Iterable<string>): string[] => [...new Set(refs)].toSorted();

describe.each(['all', 'image'] as const)('the list of %s', (which) => {
  test('is CycloneDX: each component once, with a purl and a digest, and each reference leads to one', () => {
    const { bomFormat, specVersion, serialNumber, metadata, components, dependencies } = listOf(which);
    expect([bomFormat, specVersion]).toEqual(['CycloneDX', '1.5']);
    expect(serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    const refs = components.map((component) => component['bom-ref']);
    expect(new Set(refs).size).toBe(refs.length);
    for (const component of components)
      expect(component).toMatchObject({
        type: 'library',
        purl: expect.stringMatching(/^pkg:npm\/.+@.+$/),
        hashes: [{ alg: 'SHA-512', content: expect.stringMatching(/^[0-9a-f]{128}$/) }],
      });
    const known = new Set([metadata.component['bom-ref'], ...refs]);
    expect(sorted(dependencies.map(({ ref }) => ref))).toEqual(sorted(known));
    expect(dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !known.has(ref))).toEqual([]);
  });

  test('names no registry and no folder of the machine that made it', () => {
    const text = JSON.stringify(listOf(which));
    expect(text.match(/https?:\/\/[^"/]+/g)).toEqual(['http://cyclonedx.org']);
    expect(text).not.toContain(ROOT);
    if (basename(ROOT) !== 'reeve') expect(listOf(which).metadata.component.name).not.toBe(basename(ROOT));
  });
});

test('the list of all has every package of the lock file, and tells those that ship from the others', () => {
  const { components } = listOf('all');
  expect(sorted(components.map((component) => component['bom-ref']))).toEqual(sorted(refsIn(lock.keys())));
  const required = components.filter(({ scope }) => scope === 'required').map((component) => component['bom-ref']);
  expect(sorted(required)).toEqual(sorted(shippedIn(shipments.keys())));
  expect(components.find((component) => component['bom-ref'].startsWith('jose@'))?.properties).toEqual([
    { name: 'reeve:ships-in', value: 'Worker' },
    { name: 'reeve:ships-in', value: 'image' },
  ]);
  expect(components.find((component) => component['bom-ref'].startsWith('vitest@'))?.scope).toBe('excluded');
});

test('the list of the image has what is bundled into it, and nothing else', () => {
  const refs = listOf('image').components.map((component) => component['bom-ref']);
  expect(sorted(refs)).toEqual(sorted(shippedIn(['image'])));
  expect(refs.some((ref) => ref.startsWith('@agentclientprotocol/sdk@2.'))).toBe(true);
  expect(listOf('image').serialNumber).not.toBe(listOf('all').serialNumber);
});
