/** What leaves this repository for somewhere else to run, and which packages are in it. */
import { build, type BuildOptions } from 'esbuild';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { bundleConsole } from './build-console.ts';
import { IMAGE_BUNDLE } from './build-image.ts';
import { CLIENT_BUNDLE, PROGRAM_BUNDLE } from './build-package.ts';
import { broughtBy, type Lock } from './lock-file.ts';
import { bytesOf, type Bytes } from './notices.ts';
import { ROOT } from './programs.ts';
import { WORKER_BUNDLE } from './worker-bundle.ts';

/** The name of each thing that ships. */
export type ShipmentName = 'Worker' | 'image' | 'npm package' | 'console' | 'page at /docs';
/** One of them, with the bytes that each package has in it before anything is minified. */
export interface Shipment {
  readonly name: ShipmentName;
  readonly bytes: Bytes;
}

/** Bundles all of them in memory. Rejects where a source does not bundle. */
export async function readShipments(lock: Lock): Promise<readonly Shipment[]> {
  const bundled = async (options: BuildOptions & { metafile: true }): Promise<Bytes> =>
    bytesOf((await build({ ...options, outdir: join(ROOT, 'dist'), write: false })).metafile);
  const [client, programs] = [await bundled(CLIENT_BUNDLE), await bundled(PROGRAM_BUNDLE)];
  return [
    { name: 'Worker', bytes: await bundled(WORKER_BUNDLE) },
    { name: 'image', bytes: await bundled(IMAGE_BUNDLE) },
    { name: 'npm package', bytes: sumOf(client, programs) },
    { name: 'console', bytes: (await bundleConsole()).bytes },
    { name: 'page at /docs', bytes: rendererBytes(lock) },
  ];
}

function sumOf(...all: readonly Bytes[]): Bytes {
  const sums = new Map<string, number>();
  for (const [folder, bytes] of all.flatMap((one) => [...one])) sums.set(folder, (sums.get(folder) ?? 0) + bytes);
  return sums;
}

/** The renderer comes as one file, which does not say what of its bytes is whose: it counts as a whole, and all that it brings is in it. */
function rendererBytes(lock: Lock): Bytes {
  const folder = 'node_modules/redoc';
  const { size } = statSync(join(ROOT, folder, 'bundles/redoc.standalone.js'));
  return new Map([...broughtBy(lock, folder)].map((brought) => [brought, brought === folder ? size : 0]));
}
