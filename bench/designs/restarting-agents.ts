import { makeId, type AgentId } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import type { AgentLaunch, AgentProcess, Spawn } from '../../container/agents/agent-process.ts';
import { AGENT_PROGRAM, LONG_WORK } from '../agent-program.ts';

interface Seat {
  readonly agent: AgentId;
  inc: number;
  process: AgentProcess;
  /** Of the turn under way: true where it was cut off. Null: there is none. */
  turn: Promise<boolean> | null;
}

/** Agents that find their token in their environment, one for all of them: a new one reaches them in new processes only. */
export class RestartingAgents {
  readonly #spawn: Spawn;
  #seats: readonly Seat[] = [];

  constructor(spawn: Spawn) {
    this.#spawn = spawn;
  }

  /** Starts `n` agents; once. */
  async start(n: number, token: string): Promise<void> {
    const ids = Array.from({ length: n }, () => makeId('agt', randomBytes(20)));
    this.#seats = await Promise.all(
      ids.map(async (agent) => ({ agent, inc: 1, process: await this.#run(agent, 1, token), turn: null })),
    );
  }

  /** Every agent is in the middle of a turn when this resolves. */
  async work(): Promise<void> {
    await Promise.all(this.#seats.filter(({ turn }) => turn === null).map(begin));
  }

  /** All at once, which is the fastest; resolves to how many turns were cut off, when each process takes prompts with the new token. */
  async refresh(token: string): Promise<number> {
    const cut = await Promise.all(
      this.#seats.map(async (seat) => {
        await seat.process.stop();
        const isCut = (await seat.turn) ?? false;
        seat.turn = null;
        seat.inc += 1;
        seat.process = await this.#run(seat.agent, seat.inc, token);
        return isCut;
      }),
    );
    return cut.filter(Boolean).length;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#seats.map(({ process }) => process.stop()));
  }

  async #run(agent: AgentId, inc: number, token: string): Promise<AgentProcess> {
    const process = await this.#spawn(launchOf(agent, inc, token), new AbortController().signal);
    await process.ready;
    return process;
  }
}

/** Resolves when the agent has said that it works. */
async function begin(seat: Seat): Promise<void> {
  const begun = Promise.withResolvers<void>();
  const message = { message: makeId('msg', randomBytes(20)), attempt: 1, seq: 1, content: LONG_WORK };
  const { signal } = new AbortController();
  const prompt = { message: { ...message, sender: 'user:dev', traceparent: null }, traceparent: null, signal };
  seat.turn = seat.process.prompt({ ...prompt, emit: () => begun.resolve() }).then(
    () => false,
    () => true,
  );
  await begun.promise;
}

const launchOf = (agent: AgentId, inc: number, token: string): AgentLaunch => ({
  agent,
  inc,
  name: agent,
  role: 'worker',
  runtime: {
    ...AGENT_PROGRAM,
    env: { CONTAINER_TOKEN: token },
    cwd: null,
    credentials: 'none',
    permissions: 'ask',
    secrets: {},
  },
  earlier: [],
  lastGeneration: () => null,
  town: () => {
    throw new Error('this design has no town for its agents');
  },
  townNowMs: () => Date.now(),
});
