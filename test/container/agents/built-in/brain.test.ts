import { describe, expect, it } from 'vitest';
import { inProcessSpawn } from '../../../support/in-process-agent.ts';
import type { AgentProcess, TurnOutput } from '../../../../container/agents/agent-process.ts';
import { SYSTEM_SENDER } from '#protocol';
import { message } from '../../support/control-server.ts';
import { FakeTools } from '../../support/fake-tools.ts';
import { agentId } from '../../../support/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';

async function spawned(): Promise<{
  clock: ManualClock;
  process: AgentProcess;
  said: TurnOutput[];
  interrupt: () => void;
  town: FakeTools;
  ask: (content: string, sender?: string) => Promise<string>;
}> {
  const clock = new ManualClock();
  const town = new FakeTools();
  const launch = {
    agent: agentId(1),
    inc: 3,
    name: 'ada',
    role: 'worker',
    runtime: null,
    earlier: [],
    lastGeneration: () => 7,
    town: () => town.of('bob'),
    townNowMs: () => clock.nowMs(),
  };
  const process = await inProcessSpawn(clock, 4711)(launch);
  const said: TurnOutput[] = [];
  const turn = new AbortController();
  const { signal } = turn;
  const ask = (content: string, sender = 'person:dev'): Promise<string> =>
    process.prompt({
      message: { ...message(1, content), sender },
      emit: (output) => void said.push(output),
      signal,
      traceparent: null,
    });
  return { clock, process, said, town, ask, interrupt: () => turn.abort() };
}

describe('the built-in agent', () => {
  it('says again what was said, in several pieces', async () => {
    const { ask, said, process } = await spawned();
    const words = 'one two three four five six seven eight nine ten';
    expect(await ask(words)).toBe(`You said: ${words}`);
    expect(said.length).toBeGreaterThan(1);
    expect(said.map((output) => (output.kind === 'text' ? output.text : '')).join('')).toBe(`You said: ${words}`);
    expect(process.processId).toBe(4711);
  });

  it('whoami names the agent, its incarnation and the generation that it last called with', async () => {
    const { ask } = await spawned();
    expect(JSON.parse(await ask('whoami'))).toEqual({ agent: 'ada', incarnation: 3, generation: 7 });
  });

  it('fail fails the turn', async () => {
    const { ask } = await spawned();
    await expect(ask('fail')).rejects.toThrow('asked to fail');
  });

  it('work N takes N seconds and shows its progress each second', async () => {
    const { ask, clock, said } = await spawned();
    const reply = ask('work 2.5');
    await clock.advance(2_499);
    expect(said).toHaveLength(3);
    await clock.advance(1);
    expect(await reply).toBe('worked 2.5 s');
    expect(said).toContainEqual({ kind: 'text', text: '2.0 of 2.5 s\n' });
  });

  it('work takes an hour at most', async () => {
    const { ask, clock } = await spawned();
    const reply = ask('work 99999');
    await clock.advance(3_600_000);
    expect(await reply).toBe('worked 3600 s');
  });

  it('an interrupted turn ends at once', async () => {
    const { ask, clock, interrupt } = await spawned();
    const failed = expect(ask('work 60')).rejects.toThrow('interrupted');
    await clock.advance(1_000);
    interrupt();
    await failed;
    expect(clock.pending).toBe(0);
  });

  it("does what is delegated to it, and only the town's own messages delegate", async () => {
    const { ask, town, said } = await spawned();
    const made = await town.of('ada').delegate({ to: 'bob', task: 'whoami' });
    if (!made.ok) throw new Error(made.error);
    const { id } = made.value;
    const notice = town.notice('delegation.assigned', id);
    expect(await ask(notice)).toBe(`You said: ${notice}`);
    expect(town.delegations.get(id)?.state).toBe('open');
    expect(await ask(notice, SYSTEM_SENDER)).toBe(`${id} is done`);
    expect(town.delegations.get(id)?.result).toContain('"agent":"ada"');
    expect(said).toContainEqual({ kind: 'task', task: `working on ${id}` });
  });

  it('runs errands in the town', async () => {
    const { ask } = await spawned();
    expect(await ask('mail ada good morning')).toMatch(/^Mail mail_\w+ is in the inbox of ada$/);
    expect(await ask('delegate ada work 3')).toMatch(/^Delegated to ada as dlg_/);
  });

  it('stop ends the work under way and may be called again', async () => {
    const { ask, clock, process } = await spawned();
    const reply = ask('work 60');
    const failed = expect(reply).rejects.toThrow('stopped');
    await clock.advance(1_000);
    await process.stop();
    await process.stop();
    await failed;
    expect(clock.pending).toBe(0);
  });

  it('takes no prompt once it is stopped', async () => {
    const { ask, said, process } = await spawned();
    await process.stop();
    await expect(ask('hello')).rejects.toThrow('stopped');
    expect(said).toEqual([]);
  });

  it.each(['stop', 'interrupt'] as const)(
    'a delegated task is not worked on where a %s comes while it is fetched',
    async (how) => {
      const { ask, town, interrupt, process } = await spawned();
      const made = await town.of('ada').delegate({ to: 'bob', task: 'mail ada something' });
      if (!made.ok) throw new Error(made.error);
      const turn = ask(town.notice('delegation.assigned', made.value.id), SYSTEM_SENDER);
      if (how === 'interrupt') interrupt();
      else await process.stop();
      await turn;
      expect(town.mail).toEqual([]);
      expect(town.delegations.get(made.value.id)?.state).toBe('failed');
    },
  );
});
