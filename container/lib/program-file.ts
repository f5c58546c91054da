import { join } from 'node:path';

/** The programs that a control server starts as processes of their own, by where their source lies in `container/`. */
export const PROGRAMS = ['agents/built-in/main', 'agents/process/orphan-guard-process'] as const;

const IS_SOURCE = import.meta.filename.endsWith('.ts');
/** In the source tree `container/`; in the image the folder of the bundle, which has the same folders below it. */
const ROOT = IS_SOURCE ? join(import.meta.dirname, '..') : import.meta.dirname;

/** The absolute path of a program that Node runs: `.ts` beside the source, `.mjs` beside the bundle. */
export const programFile = (program: (typeof PROGRAMS)[number]): string =>
  join(ROOT, `${program}.${IS_SOURCE ? 'ts' : 'mjs'}`);
