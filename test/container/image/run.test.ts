/** The first process of a container, around a small program that stands for the control server. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { Program } from '../support/program.ts';

const folder = mkdtempSync(join(tmpdir(), 'reeve-run-'));
const RUN = join(folder, 'run.sh');
const ENVIRONMENT = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` };
copyFileSync(join(import.meta.dirname, '../../../container/image/run.sh'), RUN);
// `wait`: says which signals it hears, and ends with 7 at its second. `orphans`: ends with 0 once every orphan of it was waited for.
writeFileSync(
  join(folder, 'main.mjs'),
  `import { spawnSync } from 'node:child_process';
   import { existsSync } from 'node:fs';
   if (process.argv[2] === 'orphans') {
     const orphans = [1, 2, 3].map(() => spawnSync('sh', ['-c', 'sleep 0.1 >/dev/null & echo $!'], { encoding: 'utf8' }).stdout.trim());
     setInterval(() => orphans.some((pid) => existsSync('/proc/' + pid)) || process.exit(0), 20);
     setTimeout(() => process.exit(1), 10_000);
   } else {
     let heard = 0;
     for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'])
       process.on(signal, () => {
         console.log(signal);
         if (++heard === 2) process.exit(7);
       });
     console.log('pid ' + process.pid);
     setInterval(() => {}, 1000);
   }`,
);

/** The program that stands for the server, and what it has said. */
const pidOf = ({ stdout }: Program): number => Number(/^pid (\d+)$/m.exec(stdout)?.[1] ?? 0);
async function started(): Promise<Program> {
  const program = new Program(ENVIRONMENT, ['wait'], { command: ['/bin/sh', RUN] });
  await expect.poll(() => pidOf(program)).toBeGreaterThan(0);
  pids.push(pidOf(program));
  return program;
}

const pids: number[] = [];
afterEach(() => {
  Program.endAll();
  for (const pid of pids.splice(0)) end(pid);
});
afterAll(() => rmSync(folder, { recursive: true }));

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

describe('container/image/run.sh', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`hands on each ${signal}, waits for the server, and ends with its exit code`, async () => {
      const program = await started();
      program.kill(signal);
      await expect.poll(() => program.stdout).toContain(signal);
      program.kill(signal);
      expect(await program.exitCode()).toBe(7);
      expect(program.stdout.match(new RegExp(signal, 'g'))).toHaveLength(2);
    });
  }

  it('ends with 137 where the server is killed', async () => {
    const program = await started();
    process.kill(pidOf(program), 'SIGKILL');
    expect(await program.exitCode()).toBe(137);
  });

  const ALONE = ['--pid', '--fork', '--mount-proc'];
  // In a system of its own, as in a container: only there it is the first process.
  it.skipIf(spawnSync('unshare', [...ALONE, 'true']).status !== 0)(
    'as the first process it waits for every process that has lost its parent',
    () => {
      const { status } = spawnSync('unshare', [...ALONE, '/bin/sh', RUN, 'orphans'], {
        env: ENVIRONMENT,
        timeout: 20_000,
        killSignal: 'SIGKILL',
      });
      expect(status).toBe(0);
    },
  );
});
