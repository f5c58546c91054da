import { applyD1Migrations, env } from 'cloudflare:test';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { lab } from './lab.ts';
import { importMainOnce } from './imported-once.ts';
import { newKeySet } from '../../../src/tokens/key-edit.ts';
import { slowStatements } from './statements.ts';
import { weather } from './weather.ts';
import { useKeys } from './wiring.ts';

importMainOnce();

// An isolate serves many test files: each begins with an empty directory and keys of its own, and no test leaves agents, or what they
// wait for, behind for the next.
beforeAll(async () => {
  await applyD1Migrations(env.DIRECTORY, env.TEST_MIGRATIONS);
  await env.DIRECTORY.exec('DELETE FROM towns');
  await useKeys(await newKeySet());
});
afterEach(async () => {
  await lab.end();
  weather.clear();
});
// Whatever a test file makes a town ask of its database, an index answers.
afterAll(async () => expect(await slowStatements()).toEqual([]));
