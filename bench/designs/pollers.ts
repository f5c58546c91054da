import { z } from 'zod';

const polledSchema = z
  .union([z.object({ gen: z.number(), token: z.string() }), z.object({ content: z.string() })])
  .nullable();

interface PollerOptions {
  /** Where they ask, with what they ask for. */
  readonly addressOf: (agent: string, held: number) => string;
  readonly agents: readonly string[];
}

/** Agents that ask for all they get, each with one request at a time. */
export class Pollers {
  /** Rejects where one of them is not answered. */
  readonly failed: Promise<never>;
  readonly #options: PollerOptions;
  readonly #life = new AbortController();
  readonly #turns = new Map<string, () => void>();
  #requests = 0;

  constructor(options: PollerOptions) {
    this.#options = options;
    const failure = Promise.withResolvers<never>();
    this.failed = failure.promise;
    this.failed.catch(() => undefined);
    for (const agent of options.agents)
      void this.#run(agent).catch((thrown: unknown) => {
        if (!this.#life.signal.aborted) failure.reject(thrown);
      });
  }

  /** That were begun so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Resolves when the agent has got its next message: its turn begins. */
  turnOf(agent: string): Promise<void> {
    return new Promise((resolve) => void this.#turns.set(agent, resolve));
  }

  stop(): void {
    this.#life.abort();
  }

  async #run(agent: string): Promise<void> {
    for (let held = 0; ;) {
      this.#requests += 1;
      const response = await fetch(this.#options.addressOf(agent, held), { signal: this.#life.signal });
      if (!response.ok) throw new Error(`a poll was answered with ${response.status}`);
      const polled = polledSchema.parse(await response.json());
      if (polled === null) continue;
      if ('gen' in polled) held = polled.gen;
      else this.#turns.get(agent)?.();
    }
  }
}
