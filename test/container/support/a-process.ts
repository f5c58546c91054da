import type { AgentProcess } from '../../../container/agents/agent-process.ts';

/** An agent's process that runs until it is stopped and asks nothing; what the test cares about it says itself. */
export function aProcess(parts: Pick<AgentProcess, 'prompt'> & Partial<AgentProcess>): AgentProcess {
  const rest = { ready: Promise.resolve(), ended: new Promise<never>(() => {}), stop: () => Promise.resolve() };
  return { processId: 1, answer: () => false, ...rest, ...parts };
}
