/** Agent processes whose start, turns and end the test decides. They keep the contract of `Spawn`, and say what they saw. */
import type { AgentId } from '#protocol';
import type { AgentLaunch, Prompt, Spawn } from '../../../../container/agents/agent-process.ts';
import { aProcess } from '../../support/a-process.ts';

/** One turn under way in a process. */
interface Turn {
  readonly prompt: Prompt;
  readonly reply: (text: string) => void;
  readonly fail: (thrown: Error) => void;
}

export class Processes {
  readonly launches: AgentLaunch[] = [];
  readonly turns: Turn[] = [];
  /** Agents of the processes that run, whether they take prompts yet or not. */
  readonly running: AgentId[] = [];
  /** Agents that had a second process beside their first. */
  readonly doubled: AgentId[] = [];
  /** What a start waits for: by default nothing. */
  ready: (launch: AgentLaunch) => Promise<void> = () => Promise.resolve();
  /** What an end waits for: by default nothing. */
  gone: (launch: AgentLaunch) => Promise<void> = () => Promise.resolve();

  get alive(): number {
    return this.running.length;
  }

  readonly spawn: Spawn = async (launch, life) => {
    const { agent } = launch;
    this.launches.push(launch);
    if (this.running.includes(agent)) this.doubled.push(agent);
    this.running.push(agent);
    let stopped: Promise<void> | undefined;
    const stop = async (): Promise<void> => {
      await this.gone(launch);
      this.running.splice(this.running.indexOf(agent), 1);
    };
    const process = aProcess({
      processId: 1000 + this.launches.length,
      prompt: (prompt) => new Promise((reply, fail) => this.turns.push({ prompt, reply, fail })),
      stop: () => (stopped ??= stop()),
    });
    try {
      await Promise.race([this.ready(launch), endOf(life)]);
    } catch (thrown) {
      await process.stop();
      throw thrown;
    }
    return process;
  };
}

/** Rejects when the agent is stopped: what waits beside it is given up. */
function endOf(life: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    life.addEventListener('abort', () => reject(new Error('The agent was stopped while it started')), { once: true });
  });
}
