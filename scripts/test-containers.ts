/** `npm run test:containers`: the tests that need a Docker engine, where one answers; elsewhere one line, and exit code 0. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './programs.ts';

const engine = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' });
if (engine.status === 0) {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const run = spawn(process.execPath, [vitest, 'run', '--config', 'vitest.containers.config.ts'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  run.once('exit', (code) => void (process.exitCode = code ?? 1));
} else {
  process.stdout.write('test:containers: no Docker engine answers here (docker version): nothing was tested\n');
}
