import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskUse } from '../../../../container/agents/process/disk-use.ts';
import { placeOf } from '../../../../container/agents/process/place.ts';
import { removeTree } from '../../../../container/agents/process/remove-tree.ts';
import { overBudget } from '../../../../container/agents/process/disk-watch.ts';
import { agentId } from '../../../support/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { ProcessScene, agent, isAlive } from './support/process-scene.ts';

/** Goes down further than a path may be long, from the folder that a shell is in. */
const DEEP = `name=${'x'.repeat(200)}; for nth in $(seq 25); do mkdir $name && cd -P ./$name; done`;

describe('what is on the disk', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'reeve-disk-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is counted as du counts it: a file with two names once, a link as itself', async () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true });
    writeFileSync(join(folder, 'a/b/file'), Buffer.alloc(100_000, 1));
    linkSync(join(folder, 'a/b/file'), join(folder, 'a/same'));
    symlinkSync('/usr', join(folder, 'elsewhere'));
    symlinkSync('..', join(folder, 'a/loop'));
    for (let nth = 0; nth < 600; nth += 1) writeFileSync(join(folder, `a/b/${nth}`), 'x');
    const [kib] = execFileSync('/usr/bin/du', ['-sk', folder], { encoding: 'utf8' }).split('\t');
    expect(await diskUse([folder])).toBe(Number(kib) * 1024);
  });

  it('is more than any budget where a path is too long to be named, and what is below it cannot be seen', async () => {
    execFileSync('/bin/sh', ['-c', DEEP], { cwd: folder });
    expect(await diskUse([folder])).toBe(Infinity);
    await removeTree(null, folder);
    expect(existsSync(folder)).toBe(false);
    mkdirSync(folder);
  });

  it('counts nothing where there is nothing', async () => {
    expect(await diskUse([join(folder, 'none'), join(folder, 'nothing')])).toBe(0);
  });
});

describe('the watch', () => {
  it('looks every five seconds, takes a twentieth of the time at most, and reports what is too much', async () => {
    const clock = new ManualClock();
    const life = new AbortController();
    const looks: number[] = [];
    const uses = [100, 100, 101];
    const costs = [0, 1_000, 0];
    const startedAt = clock.nowMs();
    const over = overBudget({
      clock,
      life: life.signal,
      budgetBytes: 100,
      measure: async () => {
        const nth = looks.push(clock.nowMs() - startedAt) - 1;
        await new Promise<void>((resolve) => clock.after(costs[nth] ?? 0, resolve));
        return uses[nth] ?? 0;
      },
    });
    await clock.advance(60_000);
    expect(await over).toBe(101);
    expect(looks).toEqual([5_000, 10_000, 31_000]);
    expect(clock.pending).toBe(0);
  });

  it('ends with the agent, and leaves no timer', async () => {
    const clock = new ManualClock();
    const life = new AbortController();
    const over = overBudget({ clock, life: life.signal, budgetBytes: 0, measure: () => Promise.resolve(0) });
    await clock.advance(12_000);
    life.abort();
    expect([await over, clock.pending]).toEqual([null, 0]);
  });
});

it('an agent that hides what it has on the disk below a path too long to be named is ended, and cleared', async () => {
  const scene = new ProcessScene({ diskBytes: 1024 * 1024 });
  try {
    const ada = await scene.start(agent('shell'));
    scene.prompt(ada, `cd "$HOME"; ${DEEP}; head -c 3000000 /dev/zero > full; sleep 1000`);
    expect(await ada.ended).toMatchObject({
      reason: 'disk_full',
      detail: 'it had too many files, or too deep ones, on the disk, more than its 1 MiB',
    });
    expect(existsSync(placeOf(scene.stateDir, agentId(1)).home)).toBe(false);
  } finally {
    await scene.end();
  }
});

it('an agent that fills its disk is ended and named also where it shares the control server’s user', async () => {
  const scene = new ProcessScene({ diskBytes: 1024 * 1024 });
  try {
    const [ada, bob] = [await scene.start(agent('shell')), await scene.start(agent('good'), 1, [], 2)];
    scene.prompt(ada, 'head -c 3000000 /dev/zero > $HOME/full; sleep 1000');
    const ended = await ada.ended;
    expect(ended).toMatchObject({ reason: 'disk_full', signal: 'SIGKILL' });
    expect(ended.detail).toMatch(/^it had 3 MiB on the disk, more than its 1 MiB$/);
    expect([isAlive(ada.processId), isAlive(bob.processId)]).toEqual([false, true]);
    expect(await scene.prompt(bob, 'hello').reply).toBe('hello');
  } finally {
    await scene.end();
  }
});
