import { applyD1Migrations, env } from 'cloudflare:test';
import { afterEach, beforeAll } from 'vitest';
import { lab } from './lab.ts';

// An isolate serves one test file: its directory is brought up once, and no test leaves agents behind for the next.
beforeAll(() => applyD1Migrations(env.DIRECTORY, env.TEST_MIGRATIONS));
afterEach(() => lab.end());
