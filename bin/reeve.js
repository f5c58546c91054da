#!/usr/bin/env node
/** The command line: in the repository as it is written, which Node runs, and in the package as it was built. */
import { existsSync } from 'node:fs';

const source = new URL('../cli/main.ts', import.meta.url);
const built = new URL('../dist/package/reeve.js', import.meta.url);
await import((existsSync(source) ? source : built).href);
