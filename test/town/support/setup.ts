import { applyD1Migrations, env } from 'cloudflare:test';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { lab } from './lab.ts';
import { resolveMainOnce } from './resolved-once.ts';
import { slowStatements } from './statements.ts';

resolveMainOnce();

// An isolate serves many test files: each begins with an empty directory, and no test leaves agents behind for the next.
beforeAll(async () => {
  await applyD1Migrations(env.DIRECTORY, env.TEST_MIGRATIONS);
  await env.DIRECTORY.exec('DELETE FROM towns');
});
afterEach(() => lab.end());
// Whatever a test file makes a town ask of its database, an index answers.
afterAll(async () => expect(await slowStatements()).toEqual([]));
