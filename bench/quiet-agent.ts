import { setTimeout as pause } from 'node:timers/promises';
import { aborted } from '../scripts/ending.ts';
import type { AgentProcess, Prompt, Spawn } from '../container/agents/agent-process.ts';

/** The message whose turn goes on until the agent is stopped. Any other is echoed at once. */
export const HOLD = 'hold';

/** The message that is answered with the time at which its turn ends, in ms since the epoch; the start was reported long before. */
export const TIME = 'time';
const TURN_MS = 100;

/** The message that is answered with the time at which its turn begins, in ms since the epoch. */
export const BEGIN = 'begin';

/** An agent that costs nothing: it says nothing while it works, so that only the product's own work is measured. */
export const inProcess: Spawn = () => Promise.resolve(new QuietAgent());

class QuietAgent implements AgentProcess {
  readonly processId = process.pid;
  readonly ready = Promise.resolve();
  readonly ended = new Promise<never>(() => undefined);
  readonly #life = new AbortController();

  async prompt({ message, signal }: Prompt): Promise<string> {
    if (message.content === BEGIN) return String(Date.now());
    if (message.content === HOLD) await aborted(AbortSignal.any([signal, this.#life.signal]));
    if (message.content !== TIME) return message.content;
    await pause(TURN_MS);
    return String(Date.now());
  }

  answer(): boolean {
    return false;
  }

  async stop(): Promise<void> {
    this.#life.abort();
  }
}
