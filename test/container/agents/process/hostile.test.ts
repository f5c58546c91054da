/** Agents that do what none should: each is contained, and named by its reason. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Launch } from '#protocol';
import { ProcessScene, agent, isAlive, program } from './support/process-scene.ts';

let scene: ProcessScene;
beforeEach(() => void (scene = new ProcessScene()));
afterEach(() => scene.end());

const openFiles = (pid: number): string[] => readdirSync(`/proc/${pid}/fd`);

describe('an agent that does not come to take prompts', () => {
  it.each([
    ['crashes at its start', 'crash', { reason: 'exited', exitCode: 3 }],
    ['wants to be signed in first', 'auth', { reason: 'auth_required', detail: 'Authentication required [redacted]' }],
    ['speaks another version', 'version', { reason: 'protocol_error', detail: expect.stringContaining('version 99') }],
    ['closes its output', 'mute', { reason: 'protocol_error' }],
  ])('is ended, and its end says why, where it %s', async (_, mode, end) => {
    const started = await scene.start(agent(mode, '', { secrets: { KEY: 'a-secret-key' } }));
    const ended = await started.ended;
    expect(ended).toMatchObject(end);
    expect(JSON.stringify(ended)).not.toContain('a-secret-key');
    await expect(started.ready).rejects.toThrow('did not start');
    expect(isAlive(started.processId)).toBe(false);
  });

  it('is ended past its deadline where it says nothing', async () => {
    await scene.end();
    scene = new ProcessScene({ startTimeoutMs: 500 });
    const started = await scene.start(agent('silent'));
    expect(await started.ended).toMatchObject({
      reason: 'handshake_timeout',
      detail: expect.stringContaining('0.5 s'),
    });
    expect(isAlive(started.processId)).toBe(false);
  });

  it('reports the end of what it wrote, without its secrets', async () => {
    const started = await scene.start(agent('crash', '', { secrets: { KEY: 'a-secret-key' } }));
    expect((await started.ended).stderr).toBe('it cannot go on: [redacted]\n');
  });
});

describe('an agent that takes prompts', () => {
  it('and writes what is no conversation works all the same', async () => {
    const started = await scene.start(agent('noise'));
    expect(await scene.prompt(started, 'hello').reply).toBe('hello');
  });

  it('and writes its environment shows nothing of the control server’s', async () => {
    const started = await scene.start(agent('environment', '', { env: { COLOUR: 'blue' }, secrets: { KEY: 'k' } }));
    const { reply, said } = scene.prompt(started, 'hello');
    expect(await reply).toBe('hello');
    expect(said).toEqual([{ kind: 'text', text: 'hello' }]);
    const names = readFileSync(`/proc/${started.processId}/environ`, 'utf8')
      .split('\0')
      .map((line) => line.split('=')[0]);
    const own = ['REEVE_AGENT', 'REEVE_NAME', 'REEVE_INCARNATION', 'REEVE_MARK'];
    const all = ['PATH', 'LANG', 'COLOUR', 'KEY', 'HOME', 'USER', 'LOGNAME', ...own, ''];
    expect(new Set(names)).toEqual(new Set(all));
  });

  it('and takes more memory than it may is named so, whatever ended it', async () => {
    const { args } = agent('fill');
    const started = await scene.start(program('agent.ts', { args: ['--max-old-space-size=24', ...args] }));
    await expect(scene.prompt(started, 'hello').reply).rejects.toMatchObject({ name: 'ProcessGone' });
    expect(await started.ended).toMatchObject({ reason: 'out_of_memory', signal: 'SIGABRT' });
  });

  it('and exits in a turn has no result for it, and its end has the code', async () => {
    const started = await scene.start(agent('exit'));
    await expect(scene.prompt(started, 'hello').reply).rejects.toMatchObject({ name: 'ProcessGone' });
    expect(await started.ended).toMatchObject({ reason: 'crashed', exitCode: 7, signal: null });
  });

  it('and is killed by the system names the signal', async () => {
    const started = await scene.start(agent('good'));
    await started.ready;
    process.kill(started.processId, 'SIGKILL');
    expect(await started.ended).toMatchObject({ reason: 'crashed', exitCode: null, signal: 'SIGKILL' });
  });

  it('and floods its output gets through, its reply cut', async () => {
    const started = await scene.start(agent('flood'));
    const { reply } = scene.prompt(started, 'hello');
    expect((await reply).length).toBeGreaterThan(256 * 1024);
    expect((await reply).length).toBeLessThan(300 * 1024);
  });

  it('and writes a message without an end is ended', async () => {
    const started = await scene.start(agent('huge'));
    await expect(scene.prompt(started, 'hello').reply).rejects.toMatchObject({ name: 'ProcessGone' });
    expect(await started.ended).toMatchObject({
      reason: 'protocol_error',
      detail: expect.stringContaining('byte limit'),
    });
  });

  it('and asks without end, and reads no answer, is ended before its answers fill the memory', async () => {
    const started = await scene.start(agent('unread'));
    await expect(scene.prompt(started, 'hello').reply).rejects.toMatchObject({ name: 'ProcessGone' });
    expect(await started.ended).toMatchObject({
      reason: 'protocol_error',
      detail: 'it goes on writing, and has not read the last 1000 messages',
    });
  });

  it('and asks a lot at once, for what it is not offered, works all the same', async () => {
    const started = await scene.start(agent('curious'));
    expect(await scene.prompt(started, 'hello').reply).toBe('still here');
    expect(await scene.prompt(started, 'hello').reply).toBe('still here');
  });

  it('and closes its input is ended', async () => {
    const started = await scene.start(agent('blind'));
    await started.ready;
    // Until its side is closed a prompt would get into the pipe.
    await expect.poll(() => openFiles(started.processId)).not.toContain('0');
    await expect(scene.prompt(started, 'hello').reply).rejects.toMatchObject({ name: 'ProcessGone' });
    expect(await started.ended).toMatchObject({ reason: 'protocol_error', detail: 'it closed its input or output' });
  });

  it.each(['hang', 'half'])('and does not end a turn that is cancelled is ended (%s)', async (mode) => {
    const started = await scene.start(agent(mode));
    const turn = scene.prompt(started, 'hello');
    await started.ready;
    turn.interrupt();
    await expect(turn.reply).rejects.toMatchObject({ name: 'ProcessGone' });
    expect(await started.ended).toMatchObject({ reason: 'stopped', detail: expect.stringContaining('10 s') });
  });

  it('and ignores SIGTERM is killed by its stop', async () => {
    const started = await scene.start(agent('deaf'));
    await scene.prompt(started, 'hello').reply;
    await started.stop();
    expect(isAlive(started.processId)).toBe(false);
  });

  it('and starts others takes them along, also those that left its group', async () => {
    const file = join(scene.stateDir, 'children');
    const started = await scene.start(agent('children', file));
    await scene.prompt(started, 'hello').reply;
    const children: number[] = JSON.parse(readFileSync(file, 'utf8'));
    expect(children.map(isAlive)).toEqual([true, true]);
    await started.stop();
    await expect.poll(() => children.map(isAlive)).toEqual([false, false]);
  });

  it.each([
    ['cancelled', 'cancelled the turn'],
    ['refusal', 'refused'],
    ['max_tokens', 'limit of its tokens'],
    ['max_turn_requests', 'limit of its requests'],
  ])('and stops with %s fails the turn, with that reason', async (stopReason, said) => {
    const started = await scene.start(agent('stop', stopReason));
    await expect(scene.prompt(started, 'hello').reply).rejects.toThrow(said);
  });

  it('and fails a turn says why, without its secrets', async () => {
    const started = await scene.start(
      agent('fail', 'no such model for a-secret-key', { secrets: { KEY: 'a-secret-key' } }),
    );
    await expect(scene.prompt(started, 'hello').reply).rejects.toThrow('Internal error: no such model for [redacted]');
  });
});

describe('no process is made', () => {
  const command = (name: string, cwd: string | null = null): Launch => ({ ...agent('good'), command: name, cwd });

  it.each([
    ['where the command is not on the path', command('no-such-command'), 'command_not_found'],
    ['where the file is not there', command('/no/such/command'), 'command_not_found'],
    ['where the file may not be executed', command(join(import.meta.dirname, 'hostile.test.ts')), 'not_executable'],
    ['where the directory is not there', command(process.execPath, '/no/such/directory'), 'cwd_not_accessible'],
    ['where the directory is a file', command(process.execPath, process.execPath), 'cwd_not_accessible'],
  ])('%s, and that is said at once', async (_, runtime, reason) => {
    await expect(scene.start(runtime)).rejects.toMatchObject({ name: 'StartError', reason });
  });
});
