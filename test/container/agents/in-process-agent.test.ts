import { describe, expect, it } from 'vitest';
import { inProcessSpawn } from '../../../container/agents/in-process-agent.ts';
import type { AgentProcess, TurnOutput } from '../../../container/agents/agent-process.ts';
import { message } from '../support/box.ts';
import { agentId } from '../support/ids.ts';
import { ManualClock } from '../support/manual-clock.ts';

async function spawned(): Promise<{
  clock: ManualClock;
  process: AgentProcess;
  said: TurnOutput[];
  ask: (content: string) => Promise<string>;
  interrupt: () => void;
}> {
  const clock = new ManualClock();
  const launch = { agent: agentId(1), inc: 3, name: 'ada', role: 'worker', lastGeneration: () => 7 };
  const process = await inProcessSpawn(clock, 4711)(launch);
  const said: TurnOutput[] = [];
  const turn = new AbortController();
  const { signal } = turn;
  const ask = (content: string): Promise<string> =>
    process.prompt({ message: message(1, content), emit: (output) => void said.push(output), signal });
  return { clock, process, said, ask, interrupt: () => turn.abort() };
}

describe('the in-process agent', () => {
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
});
