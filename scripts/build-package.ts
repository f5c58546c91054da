/** `npm run build:package`: what the npm package holds beside its types, each in one file that needs no other package. */
import { build } from 'esbuild';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './programs.ts';

const OUTPUT = join(ROOT, 'dist/package');

/** Writes `client.js`, `agent.js` and `reeve.js` into a folder, which holds nothing else afterwards. Rejects where the source does not bundle. */
export async function buildPackage(outdir = OUTPUT): Promise<void> {
  const common = { absWorkingDir: ROOT, outdir, bundle: true, format: 'esm', legalComments: 'eof' } as const;
  await rm(outdir, { recursive: true, force: true });
  await build({ ...common, entryPoints: { client: 'client/index.ts' }, platform: 'neutral', target: 'es2022' });
  const entryPoints = { agent: 'agent/index.ts', reeve: 'cli/main.ts' };
  await build({ ...common, entryPoints, platform: 'node', target: 'node24', logLevel: 'warning' });
}

if (import.meta.main) await buildPackage();
