/** The built-in agent as the process that it is. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM_SENDER } from '#protocol';
import { ProcessScene, isAlive } from './support/process-scene.ts';

let scene: ProcessScene;
beforeEach(() => void (scene = new ProcessScene()));
afterEach(() => scene.end());

describe('the built-in agent as a process', () => {
  it('answers, in pieces that together are its reply', async () => {
    const agent = await scene.start();
    const { reply, said } = scene.prompt(agent, 'one two three four five six seven eight nine ten');
    expect(await reply).toBe('You said: one two three four five six seven eight nine ten');
    expect(said.map((output) => (output.kind === 'text' ? output.text : ''))).toEqual([
      'You said: one two three four five six ',
      'seven eight nine ten',
    ]);
    expect(agent.processId).not.toBe(process.pid);
  });

  it('knows its name, its incarnation, and the generation that it last called with', async () => {
    const agent = await scene.start(null, 3);
    expect(JSON.parse(await scene.prompt(agent, 'whoami').reply)).toEqual({
      agent: 'ada',
      incarnation: 3,
      generation: 7,
    });
  });

  it('uses the tools of its town, and holds no token for it', async () => {
    const agent = await scene.start();
    expect(await scene.prompt(agent, 'peers').reply).toBe('bob (worker, idle)');
    expect(await scene.prompt(agent, 'mail bob good morning').reply).toMatch(/^Mail mail_\w+ is in the inbox of bob$/);
    expect(await scene.prompt(agent, 'mail nobody hello').reply).toBe('mail: not_found');
    await scene.town.of('bob').sendMail({ to: 'ada', text: 'two\nlines' });
    expect(await scene.prompt(agent, 'mail').reply).toMatch(/^agt_\w+: two\nlines$/);
    expect(await scene.prompt(agent, 'delegate bob work 1').reply).toMatch(/^Delegated to bob as dlg_/);
  });

  it('works on what the town says that was delegated to it', async () => {
    const agent = await scene.start();
    const made = await scene.town.of('bob').delegate({ to: 'ada', task: 'whoami' });
    if (!made.ok) throw new Error(made.error);
    const notice = scene.town.notice('delegation.assigned', made.value.id);
    const { reply, said } = scene.prompt(agent, notice, SYSTEM_SENDER);
    expect(await reply).toContain(`${made.value.id} is done`);
    expect(said).toContainEqual({ kind: 'task', task: `working on ${made.value.id}` });
    expect(scene.town.delegations.get(made.value.id)?.result).toContain('"agent":"ada"');
  });

  it('takes its session up again when it starts anew', async () => {
    const first = await scene.start();
    await scene.prompt(first, 'remember the milk').reply;
    await first.stop();
    const second = await scene.start(null, 2);
    const { reply, said } = scene.prompt(second, 'recall');
    expect(await reply).toBe('remember the milk');
    expect(said).toEqual([{ kind: 'text', text: 'remember the milk' }]);
  });

  it('is given the last turns where its session is lost, and only then', async () => {
    const earlier = [{ content: 'remember the milk', reply: 'You said: remember the milk' }];
    const lost = await scene.start(null, 2, earlier);
    expect(await scene.prompt(lost, 'recall').reply).toBe('remember the milk');
    await lost.stop();
    const kept = await scene.start(null, 3, [...earlier, { content: 'recall', reply: 'remember the milk' }]);
    expect(await scene.prompt(kept, 'recall').reply).toBe('remember the milk\nrecall');
    expect(await scene.prompt(kept, 'recall').reply).toBe('remember the milk\nrecall\nrecall');
  });

  it('fails a turn, ends one that is interrupted, and goes on with the next', async () => {
    const agent = await scene.start();
    await expect(scene.prompt(agent, 'fail').reply).rejects.toThrow('asked to fail');
    const { reply, said, interrupt } = scene.prompt(agent, 'work 60');
    await expect.poll(() => said).toContainEqual({ kind: 'task', task: 'working for 60 s' });
    interrupt();
    await expect(reply).rejects.toThrow('cancelled');
    expect(await scene.prompt(agent, 'hello').reply).toBe('You said: hello');
  });

  it('is gone after its stop, with its group, and takes no prompt any more', async () => {
    const agent = await scene.start();
    await scene.prompt(agent, 'hello').reply;
    await agent.stop();
    await agent.stop();
    expect(isAlive(agent.processId)).toBe(false);
    await expect(scene.prompt(agent, 'hello').reply).rejects.toThrow('gone');
  });
});
