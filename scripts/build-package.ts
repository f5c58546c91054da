/** `npm run build:package`: what the npm package holds beside its types, each in one file that needs no other package. */
import { build, type BuildOptions } from 'esbuild';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NOTICES, bytesOf, noticesOf } from './notices.ts';
import { ROOT } from './programs.ts';

const OUTPUT = join(ROOT, 'dist/package');

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  legalComments: 'eof',
  metafile: true,
} as const satisfies BuildOptions;

/** How `client.js` is bundled, which runs in pages too and is Reeve's alone: it holds no other package. */
export const CLIENT_BUNDLE = {
  ...COMMON,
  entryPoints: { client: 'client/index.ts' },
  platform: 'neutral',
  target: 'es2022',
} as const satisfies BuildOptions;

/** How `agent.js` and `reeve.js` are bundled. */
export const PROGRAM_BUNDLE = {
  ...COMMON,
  entryPoints: { agent: 'agent/index.ts', reeve: 'cli/main.ts' },
  platform: 'node',
  target: 'node24',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/**
 * Writes `client.js`, `agent.js` and `reeve.js`, and the licenses of the packages in them, into a folder, which holds nothing else
 * afterwards. Rejects where the source does not bundle.
 */
export async function buildPackage(outdir = OUTPUT): Promise<void> {
  await rm(outdir, { recursive: true, force: true });
  await build({ ...CLIENT_BUNDLE, outdir });
  const { metafile } = await build({ ...PROGRAM_BUNDLE, outdir });
  await writeFile(join(outdir, NOTICES), noticesOf(bytesOf(metafile)));
}

if (import.meta.main) await buildPackage();
