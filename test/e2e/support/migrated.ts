/** A directory (D1) that has its migrations, made once for all end-to-end tests: wrangler takes five seconds of a core for each. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { buildConsole } from '../../../scripts/build-console.ts';
import { Guard } from '../../../scripts/guard.ts';
import { migrateDirectory } from '../../../scripts/migrate-directory.ts';
import { MARKER } from '../../../scripts/state-dir.ts';
import { noBrowser } from '../../support/chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of a state folder with nothing but the directory. */
    readonly migrated: string;
  }
}

/** Runs before the first end-to-end test, and ends after the last one. */
export default async function setup(project: TestProject): Promise<() => void> {
  if (noBrowser !== null) process.stdout.write(`${noBrowser}\n`);
  const stateDir = mkdtempSync(join(tmpdir(), 'reeve-migrated-'));
  const logs = join(stateDir, 'logs');
  mkdirSync(logs);
  const guard = new Guard();
  // Before the first stack: one that runs starts anew where its static assets change.
  await buildConsole();
  await migrateDirectory({ stateDir, logs, guard });
  guard.end();
  project.provide('migrated', stateDir);
  return () => rmSync(stateDir, { recursive: true, force: true });
}

/** A new state folder, as one that a first start was ended in after its migrations. */
export function migratedFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  addDirectory(folder);
  return folder;
}

/** Puts the directory into a state folder that is empty, or not there. */
export function addDirectory(folder: string): void {
  cpSync(join(inject('migrated'), 'worker'), join(folder, 'worker'), { recursive: true });
  writeFileSync(join(folder, MARKER), '');
}
