import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PROGRAMS, programFile } from '../../../container/lib/program-file.ts';

// What is beside a bundle is shown where it is built: test/scripts/build-image.test.ts.
it('in the source tree a program is the source of that name', () => {
  const container = join(import.meta.dirname, '../../../container');
  expect(PROGRAMS.map(programFile)).toEqual(PROGRAMS.map((program) => join(container, `${program}.ts`)));
  for (const program of PROGRAMS) expect(statSync(programFile(program)).isFile()).toBe(true);
});
