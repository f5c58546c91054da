import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Guard } from '../../scripts/guard.ts';
import { migrateDirectory } from '../../scripts/migrate-directory.ts';
import { migratedFolder } from './support/migrated.ts';

const stateDir = migratedFolder('reeve-migrate-');
const logs = join(stateDir, 'logs');
const guard = new Guard();
mkdirSync(logs);

afterAll(() => {
  guard.end();
  rmSync(stateDir, { recursive: true, force: true });
});

describe('the migrations of a local directory', () => {
  it('are not looked for again where the database has them all', async () => {
    await migrateDirectory({ stateDir, logs, guard });
    expect(existsSync(join(logs, 'migrations.log'))).toBe(false);
  });

  it('are looked for where there are others than the database had, once', async () => {
    writeFileSync(join(stateDir, 'worker/v3/d1/reeve-migrations'), 'others');
    await migrateDirectory({ stateDir, logs, guard });
    expect(existsSync(join(logs, 'migrations.log'))).toBe(true);
    rmSync(join(logs, 'migrations.log'));
    await migrateDirectory({ stateDir, logs, guard });
    expect(existsSync(join(logs, 'migrations.log'))).toBe(false);
  });
});
