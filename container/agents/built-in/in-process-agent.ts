/** A small agent that lives in the supervisor's own process: it shows that a town works before any real agent is set up. */
import { messageKind, type DelegationId } from '#protocol';
import { pause, type Clock } from '../../lib/clock.ts';
import type { AgentLaunch, AgentProcess, Prompt } from '../agent-process.ts';
import { heedNotice, runErrand } from './errands.ts';

/** `work N` works at most so long (s). */
const MAX_WORK_SECONDS = 3600;
/** A reply is shown in pieces of so many words. */
const WORDS_PER_DELTA = 8;

/**
 * Agents whose process is this one. `work N` takes N seconds, `whoami` says who answers, `fail` fails, `peers`, `mail`,
 * `mail PEER TEXT` and `delegate PEER TASK` are errands in the town; all else is echoed. A delegated task is done the same way.
 */
export function inProcessSpawn(clock: Clock, processId: number): (launch: AgentLaunch) => Promise<AgentProcess> {
  return (launch) => Promise.resolve(new InProcessAgent(clock, processId, launch));
}

class InProcessAgent implements AgentProcess {
  readonly processId: number;
  readonly #clock: Clock;
  readonly #launch: AgentLaunch;
  readonly #life = new AbortController();
  #turn: Promise<string> = Promise.resolve('');

  constructor(clock: Clock, processId: number, launch: AgentLaunch) {
    this.#clock = clock;
    this.processId = processId;
    this.#launch = launch;
  }

  async prompt(prompt: Prompt): Promise<string> {
    this.#checkGoesOn(prompt.signal);
    this.#turn = this.#answer(prompt);
    return this.#turn;
  }

  answer(): boolean {
    return false;
  }

  async stop(): Promise<void> {
    this.#life.abort();
    await this.#turn.catch(() => '');
  }

  #answer(prompt: Prompt): Promise<string> {
    const { content, sender } = prompt.message;
    if (messageKind(sender) === 'user') return this.#carryOut(prompt, content.trim(), null);
    return heedNotice(this.#launch.town, content, (task, id) => {
      prompt.emit({ kind: 'task', task: `working on ${id}` });
      return this.#carryOut(prompt, task.trim(), id);
    });
  }

  /** Does what somebody asks for; `parent` is the delegation that it is done for. */
  async #carryOut(prompt: Prompt, content: string, parent: DelegationId | null): Promise<string> {
    // Asked again here: a delegated task was fetched before, and a stop or an interrupt may have come in that wait.
    this.#checkGoesOn(prompt.signal);
    const work = /^work (\d+(?:\.\d+)?)$/.exec(content);
    if (work !== null) return this.#work(prompt, Math.min(Number(work[1]), MAX_WORK_SECONDS));
    if (content === 'fail') throw new Error('The agent was asked to fail');
    const errand = await runErrand(this.#launch.town, content, parent);
    const reply = errand ?? (content === 'whoami' ? this.#whoami() : `You said: ${content}`);
    for (const text of pieces(reply)) prompt.emit({ kind: 'text', text });
    return reply;
  }

  async #work({ emit, signal }: Prompt, seconds: number): Promise<string> {
    emit({ kind: 'task', task: `working for ${seconds} s` });
    const ended = AbortSignal.any([this.#life.signal, signal]);
    for (let done = 0; done < seconds;) {
      const step = Math.min(1, seconds - done);
      await pause(this.#clock, ended, step * 1000);
      this.#checkGoesOn(signal);
      done += step;
      emit({ kind: 'text', text: `${done.toFixed(1)} of ${seconds} s\n` });
    }
    return `worked ${seconds} s`;
  }

  /** Throws where the turn, or the agent, is over. */
  #checkGoesOn(turn: AbortSignal): void {
    if (this.#life.signal.aborted) throw new Error('The agent was stopped');
    if (turn.aborted) throw new Error('The turn was interrupted');
  }

  #whoami(): string {
    const { name, inc, lastGeneration } = this.#launch;
    return JSON.stringify({ agent: name, incarnation: inc, generation: lastGeneration() });
  }
}

function pieces(text: string): string[] {
  return text.match(new RegExp(`(?:\\S+\\s*){1,${WORDS_PER_DELTA}}`, 'g')) ?? [text];
}
