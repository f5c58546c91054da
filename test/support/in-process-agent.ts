/** The built-in agent's brain without a process of its own: workerd starts none. */
import { messageKind } from '#protocol';
import { answer } from '../../container/agents/built-in/brain.ts';
import type { AgentLaunch, AgentProcess, Prompt } from '../../container/agents/agent-process.ts';
import { Permissions } from '../../container/agents/permissions.ts';
import { pause, type Clock } from '../../container/lib/clock.ts';

const TEN_MINUTES_MS = 600_000;

const OPTIONS = [
  { id: 'yes', name: 'Yes', kind: 'allow_once' },
  { id: 'no', name: 'No', kind: 'reject_once' },
] as const;

/** Agents whose process is this one. */
export function inProcessSpawn(clock: Clock, processId: number): (launch: AgentLaunch) => Promise<AgentProcess> {
  return (launch) => Promise.resolve(new InProcessAgent(clock, processId, launch));
}

class InProcessAgent implements AgentProcess {
  readonly processId: number;
  readonly ready = Promise.resolve();
  readonly ended = new Promise<never>(() => {});
  readonly #clock: Clock;
  readonly #launch: AgentLaunch;
  readonly #permissions: Permissions;
  readonly #life = new AbortController();
  readonly #memory: string[] = [];
  #turn: Promise<string> = Promise.resolve('');

  constructor(clock: Clock, processId: number, launch: AgentLaunch) {
    this.#clock = clock;
    this.processId = processId;
    this.#launch = launch;
    this.#permissions = new Permissions({
      policy: launch.runtime?.permissions ?? 'ask',
      clock,
      randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
      townNowMs: launch.townNowMs,
      deadlineMs: TEN_MINUTES_MS,
    });
  }

  async prompt({ message, emit, signal, traceparent }: Prompt): Promise<string> {
    const ended = AbortSignal.any([this.#life.signal, signal]);
    const checkGoesOn = (): void => {
      if (this.#life.signal.aborted) throw new Error('The agent was stopped');
      if (signal.aborted) throw new Error('The turn was interrupted');
    };
    checkGoesOn();
    const { name, inc, town, lastGeneration } = this.#launch;
    this.#turn = answer({
      town: town(this.#life.signal, traceparent),
      kind: messageKind(message.sender),
      content: message.content,
      memory: [...this.#memory],
      say: (text) => emit({ kind: 'text', text }),
      progress: (text) => emit({ kind: 'text', text }),
      report: async (task) => emit({ kind: 'task', task }),
      ask: async (title) => {
        const question = { title, kind: 'other', input: '', options: OPTIONS };
        return (await this.#permissions.ask(question, { emit, signal: ended })) === 'yes';
      },
      whoami: () => ({ agent: name, incarnation: inc, generation: lastGeneration() }),
      pause: async (ms) => void (await pause(this.#clock, ended, ms)),
      checkGoesOn,
    });
    this.#memory.push(message.content);
    return this.#turn;
  }

  answer(...given: Parameters<AgentProcess['answer']>): boolean {
    return this.#permissions.answer(...given);
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#turn.catch(() => '');
  }
}
