/** `npm run sbom`: writes lists of materials (SBOM, CycloneDX) into dist: of all that is installed to build, and of the image. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { nameOf, lockedAt, readLock } from './lock-file.ts';
import { OWN } from './notices.ts';
import { ROOT } from './programs.ts';
import { readShipments, type Shipment } from './shipments.ts';

/** What npm says of a package; it knows no other kind than those of development, because all are bundled. */
const componentSchema = z.looseObject({
  'bom-ref': z.string(),
  scope: z.enum(['required', 'optional', 'excluded']),
  properties: z.array(z.object({ name: z.string(), value: z.string() })),
});
const sbomSchema = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string(),
  serialNumber: z.string(),
  metadata: z.looseObject({ component: z.looseObject({ 'bom-ref': z.string(), name: z.string() }) }),
  components: z.array(componentSchema),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});
/** A list of materials, CycloneDX 1.5. */
export type Sbom = z.infer<typeof sbomSchema>;

/**
 * Both lists. A component that ships has the scope `required` and, in a property for each, where; every other is `excluded`.
 * npm makes them of the lock file alone and needs no network. Rejects where it fails.
 */
export async function makeSboms(): Promise<{ readonly all: Sbom; readonly image: Sbom }> {
  const said = await npmSbom();
  const lock = readLock();
  const shipments = await readShipments(lock);
  const refsOf = ({ bytes }: Shipment): ReadonlySet<string> =>
    new Set(
      [...bytes.keys()]
        .filter((folder) => folder !== OWN)
        .map((folder) => {
          const locked = lockedAt(lock, folder);
          return `${nameOf(folder, locked)}@${locked.version}`;
        }),
    );
  const held = shipments.map((shipment) => ({ name: shipment.name, refs: refsOf(shipment) }));
  const components = said.components.map((component) => {
    const places = held.filter(({ refs }) => refs.has(component['bom-ref']));
    const properties = places.map(({ name }) => ({ name: 'reeve:ships-in', value: name }));
    return { ...component, scope: places.length > 0 ? ('required' as const) : ('excluded' as const), properties };
  });
  const all = { ...said, components };
  const image = held.find(({ name }) => name === 'image');
  if (image === undefined) throw new Error('no image ships');
  return { all, image: partOf(all, 'reeve-container', image.refs) };
}

/** A list of some of its components, for something of another name. */
function partOf(sbom: Sbom, name: string, refs: ReadonlySet<string>): Sbom {
  const { metadata, components, dependencies } = sbom;
  const { component } = metadata;
  return {
    ...sbom,
    serialNumber: `urn:uuid:${randomUUID()}`,
    metadata: { ...metadata, component: { ...component, name } },
    components: components.filter((one) => refs.has(one['bom-ref'])),
    dependencies: dependencies
      .filter(({ ref }) => ref === component['bom-ref'] || refs.has(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) })),
  };
}

async function npmSbom(): Promise<Sbom> {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--offline'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: ROOT, maxBuffer: 2 ** 26 });
  const sbom = sbomSchema.parse(JSON.parse(stdout));
  // npm names the project after the folder that it lies in.
  sbom.metadata.component.name = 'reeve';
  return sbom;
}

async function main(): Promise<void> {
  const { all, image } = await makeSboms();
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  for (const [name, sbom] of Object.entries({ sbom: all, 'sbom.image': image })) {
    const file = `dist/${name}.cdx.json`;
    writeFileSync(join(ROOT, file), `${JSON.stringify(sbom, null, 2)}\n`);
    console.log(`${file}: ${sbom.components.length} packages`);
  }
}

if (import.meta.main) await main();
