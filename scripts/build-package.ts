/** `npm run build:package`: what the npm package holds beside its types, each in one file that needs no other package. */
import { build } from 'esbuild';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './programs.ts';

const OUTPUT = join(ROOT, 'dist/package');
const COMMON = {
  absWorkingDir: ROOT,
  outdir: OUTPUT,
  bundle: true,
  format: 'esm',
  legalComments: 'eof',
  logLevel: 'warning',
} as const;

await rm(OUTPUT, { recursive: true, force: true });
await build({ ...COMMON, entryPoints: { client: 'client/index.ts' }, platform: 'neutral', target: 'es2022' });
await build({
  ...COMMON,
  entryPoints: { agent: 'agent/index.ts' },
  platform: 'node',
  target: 'node24',
});
