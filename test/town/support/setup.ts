import { applyD1Migrations, env } from 'cloudflare:test';
import { afterEach, beforeAll } from 'vitest';
import { lab } from './lab.ts';

// An isolate serves many test files: each begins with an empty directory, and no test leaves agents behind for the next.
beforeAll(async () => {
  await applyD1Migrations(env.DIRECTORY, env.TEST_MIGRATIONS);
  await env.DIRECTORY.exec('DELETE FROM towns');
});
afterEach(() => lab.end());
