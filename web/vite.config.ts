import { join } from 'node:path';
import { defineConfig } from 'vite';

/** Files stand under /console/, where the Worker leaves them alone; the page itself is the Worker's, which adds the policy that it is under. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  logLevel: 'error',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: join(import.meta.dirname, '../assets/console'),
    target: 'es2023',
    // The same names from build to build: a Worker on this machine that serves them ends where one of them goes.
    rolldownOptions: { output: { entryFileNames: '[name].js', assetFileNames: '[name][extname]' } },
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    write: false,
  },
});
