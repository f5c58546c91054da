import type { BuildOptions } from 'esbuild';
import { ROOT } from './programs.ts';

/** The Worker as wrangler bundles it, without the rest of its dry run, which takes seven times as long. */
export const WORKER_BUNDLE = {
  absWorkingDir: ROOT,
  entryPoints: ['src/index.ts'],
  bundle: true,
  format: 'esm',
  target: 'es2024',
  conditions: ['workerd', 'worker', 'browser'],
  external: ['cloudflare:*', 'node:*'],
  keepNames: true,
  metafile: true,
} as const satisfies BuildOptions;
