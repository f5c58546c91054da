/** Agents with Unix users of their own: what keeps them apart, and what is left of them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  createReadStream,
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { filesElsewhere } from '../../../../container/agents/process/place.ts';
import { agentId } from '../../../support/ids.ts';
import { agent, isAlive } from './support/process-scene.ts';
import { UserScene, entriesBelow, isRoot, makeBase, run } from './support/user-scene.ts';

// A user can be made, and taken on, by root alone.
describe.skipIf(!isRoot)('agents with users of their own (as root)', () => {
  let base: string;
  let scene: UserScene;
  beforeEach(async () => {
    base = makeBase();
    scene = await UserScene.make({ diskBytes: 4 * 1024 * 1024 }, base);
  });
  afterEach(() => scene.end());

  const homeOf = (seed: number): string => join(scene.stateDir, agentId(seed), 'home');

  it('no agent reads the home, the token or the environment of another, or of the control server', async () => {
    scene.token(1, 'token-of-ada');
    scene.token(2, 'token-of-bob');
    const env = { OWN: 'secret-of-its-own' };
    const ada = await scene.shell(1, { credentials: 'file', env });
    const bob = await scene.shell(2, { credentials: 'file', env });
    expect(await scene.say(ada, 'umask 0; echo note > $HOME/note; chmod 0777 $HOME; cat $REEVE_TOKEN_FILE')).toBe(
      'token-of-ada',
    );
    const token = (await scene.say(ada, 'printf %s "$REEVE_TOKEN_FILE"')).trim();
    expect(lstatSync(token)).toMatchObject({ mode: 0o100600, uid: lstatSync(homeOf(1)).uid });
    const tries = [
      `cat ${homeOf(1)}/note`,
      `ls ${homeOf(1)}`,
      `ls ${join(homeOf(1), '..')}`,
      `cat ${token}`,
      `cat /proc/${ada.processId}/environ`,
      `cat /proc/${process.pid}/environ`,
      `ls ${scene.stateDir}`,
      'touch "$HOME/../planted"',
    ];
    for (const command of tries) expect(await scene.say(bob, command), command).toMatch(/denied\n$/);
    expect(await scene.say(bob, 'tr "\\0" "\\n" < /proc/$PPID/environ')).toContain('OWN=secret-of-its-own');
  });

  it('an agent has a name, a home and a group of its own, and no other group', async () => {
    const ada = await scene.shell(1);
    const { uid, gid, mode } = lstatSync(homeOf(1));
    expect([mode, gid]).toEqual([0o040700, uid]);
    expect(await scene.say(ada, 'id')).toBe(
      `uid=${uid}(reeve-${uid}) gid=${uid}(reeve-${uid}) groups=${uid}(reeve-${uid})\n`,
    );
    const said = await scene.say(ada, `"${process.execPath}" -p 'JSON.stringify(os.userInfo())'`);
    expect(JSON.parse(said)).toEqual({ uid, gid, username: `reeve-${uid}`, homedir: homeOf(1), shell: '/bin/sh' });
    expect(await scene.say(ada, 'echo $USER $LOGNAME $HOME; pwd')).toBe(
      `reeve-${uid} reeve-${uid} ${homeOf(1)}\n${homeOf(1)}\n`,
    );
  });

  it('the built-in agent runs as such a user too', async () => {
    const ada = await scene.start(null);
    expect(await scene.prompt(ada, 'hello').reply).toContain('hello');
    expect(readFileSync(`/proc/${ada.processId}/status`, 'utf8')).toContain(`Uid:\t${lstatSync(homeOf(1)).uid}`);
  });

  it('what an agent started ends with it, though it has a session of its own and no mark', async () => {
    const [ada, bob] = [await scene.shell(1), await scene.shell(2)];
    const start = 'env -i setsid sleep 1000 > /dev/null 2>&1 & echo $!';
    const ofAda = Number(await scene.say(ada, start));
    const ofBob = Number(await scene.say(bob, start));
    expect([isAlive(ofAda), isAlive(ofBob)]).toEqual([true, true]);
    await ada.stop();
    await expect.poll(() => isAlive(ofAda)).toBe(false);
    expect([isAlive(ofBob), isAlive(bob.processId)]).toEqual([true, true]);
  });

  it('a process that forks and ends, over and over, ends with its agent: no list of processes has it', async () => {
    const ada = await scene.shell(1);
    const chain = '$| = 1; for $left (reverse 0 .. 20000) { fork and exit; print "$left\\n" }';
    await scene.say(ada, `mkfifo $HOME/chain; setsid perl -e '${chain}' 1<> $HOME/chain < /dev/null 2> /dev/null & :`);
    // Its end comes when the last of the chain lets go of it.
    const output = createReadStream(join(homeOf(1), 'chain'), 'utf8');
    let last = '';
    output.on('data', (text) => (last = String(text)));
    const ended = once(output, 'end');
    await once(output, 'data');
    await ada.stop();
    await ended;
    expect(Number(last.trimEnd().split('\n').at(-1))).toBeGreaterThan(0);
  });

  it('a directory or a command that the user may not use is refused before there is a process', async () => {
    const closed = mkdtempSync(join(tmpdir(), 'reeve-closed-'));
    try {
      const program = join(closed, 'program');
      writeFileSync(program, '#!/bin/sh\n', { mode: 0o755 });
      const reasons = { cwd: closed, below: join(closed, '..', closed) };
      for (const cwd of Object.values(reasons)) {
        await expect(scene.shell(1, { cwd })).rejects.toMatchObject({ reason: 'cwd_not_accessible' });
      }
      await expect(scene.shell(1, { command: program })).rejects.toMatchObject({ reason: 'not_executable' });
    } finally {
      rmSync(closed, { recursive: true });
    }
  });

  it.each([
    ['its home', '"$HOME/full"'],
    ['a public folder', '"$(mktemp)"'],
  ])('an agent that fills %s is ended, named and cleared, and no other is touched', async (_, file) => {
    const [ada, bob] = [await scene.shell(1), await scene.shell(2)];
    await scene.say(bob, 'echo note > $HOME/note');
    await scene.say(ada, 'ln -s /usr "$HOME/link"');
    scene.prompt(ada, `head -c 6000000 /dev/zero > ${file}; sleep 1000`);
    expect(await ada.ended).toMatchObject({ reason: 'disk_full', detail: expect.stringMatching(/^it had \d+ MiB/) });
    expect([existsSync(homeOf(1)), isAlive(ada.processId)]).toEqual([false, false]);
    expect(await scene.say(bob, 'cat $HOME/note')).toBe('note\n');
    const again = await scene.shell(1, {}, 2);
    expect(await scene.say(again, 'ls -A "$HOME"; find /tmp -maxdepth 1 -user "$USER"')).toBe('');
  });

  it('an agent that leaves more files in a public folder than a command line has room for is cleared as any other', async () => {
    const ada = await scene.shell(1);
    const { uid } = lstatSync(homeOf(1));
    const name = `/tmp/${'x'.repeat(230)}-$USER`;
    await scene.say(ada, `nth=0; while [ $nth -lt 10000 ]; do : > ${name}-$nth; nth=$((nth + 1)); done`);
    scene.prompt(ada, 'head -c 6000000 /dev/zero > $HOME/full; sleep 1000');
    expect(await ada.ended).toMatchObject({ reason: 'disk_full' });
    expect(filesElsewhere(uid)).toEqual([]);
  });

  it('user and home stay the same over its incarnations, and go when it does not come back', async () => {
    const first = await scene.shell(1);
    const user = await scene.say(
      first,
      'id -u; echo note > $HOME/note; mkdir -p $HOME/closed/er; chmod 0 $HOME/closed',
    );
    await first.stop();
    const second = await scene.shell(1, {}, 2);
    expect(await scene.say(second, 'id -u; cat $HOME/note')).toBe(`${user}note\n`);
    expect(entriesBelow(base)).toHaveLength(2);
    const elsewhere = (await scene.say(second, 'mktemp')).trim();
    await second.stop();
    await scene.agents.forget(agentId(1));
    expect(entriesBelow(base)).toEqual([]);
    expect([readdirSync(scene.stateDir), existsSync(elsewhere)]).toEqual([[], false]);
    const other = await scene.shell(2);
    expect(await scene.say(other, 'id -u')).not.toBe(user);
  });

  it('a start clears what a control server left that was killed, and nothing of one that lives', async () => {
    const neighbour = await scene.shell(1);
    const server = spawn(process.execPath, [join(import.meta.dirname, '../programs/server.ts'), base, 'users'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      let output = '';
      server.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      await expect.poll(() => output).toMatch(/^\d+ \d+\n$/);
      const pids = output.trim().split(' ').map(Number);
      expect(pids.map(isAlive)).toEqual([true, true]);
      expect([entriesBelow(base).length, readdirSync(base).length]).toEqual([4, 2]);
      server.kill('SIGKILL');
      await expect.poll(() => pids.map(isAlive)).toEqual([false, false]);
      const left = readdirSync(base, { recursive: true }).map(String);
      expect(left.filter((path) => /home$|token-1$/.test(path))).toHaveLength(3);
      await run(base);
      expect([entriesBelow(base).length, readdirSync(base)]).toEqual([2, [scene.stateDir.slice(base.length + 1)]]);
      expect(await scene.say(neighbour, 'id -un; pwd')).toMatch(/^reeve-\d+\n/);
    } finally {
      server.kill('SIGKILL');
    }
  });

  it('an agent for whom no user is free is not started', async () => {
    await scene.end();
    base = makeBase();
    scene = await UserScene.make({}, base, { first: 700_990, last: 700_990 });
    await scene.shell(1);
    const refusal = { reason: 'spawn_failed', message: 'no user is free in AGENT_USERS' };
    await expect(scene.start(agent('good'), 1, [], 2)).rejects.toMatchObject(refusal);
  });
});
