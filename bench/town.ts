/** Towns as the claims need them. */
import { sideBySide } from '#lib/clock.ts';
import { HOLD } from './quiet-agent.ts';
import type { Stack } from './stack.ts';

/** Far more than a turn takes to begin, in seconds. */
const PATIENCE_S = 60;
const LANES = 6;

export interface Population {
  readonly town: string;
  readonly agents: readonly string[];
}

/** A town with `n` agents in it, named `a0` and so on. `more`: what is said of each beside its name. */
export async function populate(stack: Stack, n: number, more: object = {}): Promise<Population> {
  const town = await stack.api.createTown('bench');
  const agents = Array.from({ length: n }, (_, at) => `a${at}`);
  await sideBySide(LANES, agents, async (name) => void (await stack.api.createAgent(town, name, more)));
  return { town, agents };
}

/** All of them in a turn that outlasts the claim: their tokens are in use, and what comes in is held behind it. */
export async function putToWork(stack: Stack, { town, agents }: Population, content: string = HOLD): Promise<void> {
  await sideBySide(LANES, agents, async (name) => {
    const message = await stack.api.send(town, name, content);
    await stack.api.until(town, name, message, 'working', PATIENCE_S);
  });
}
