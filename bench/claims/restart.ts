import { AGENT_PROGRAM, LONG_WORK } from '../agent-program.ts';
import { interleaved, median, ratio } from '../measure.ts';
import { refreshesOf } from '../refreshes.ts';
import type { Stack } from '../stack.ts';
import { populate, putToWork, type Population } from '../town.ts';
import type { Claim } from './claim.ts';

/** Each with a process of its own. */
const AGENTS = 20;

/** What a refresh costs where one token is shared by a container, whose agents are restarted to reach them. */
export const restart: Claim = {
  name: 'restart',
  measure: async ({ stack, rounds, say }) => {
    say(`twice ${AGENTS} agents start as processes`);
    const population = await populate(stack, AGENTS, { runtime: AGENT_PROGRAM });
    await putToWork(stack, population, LONG_WORK);
    await ask(`${stack.designs}/agents/${AGENTS}`);
    const cut: number[] = [];
    const sides = [
      { ...refreshesOf(stack, population)('sweep', 1), name: 'hot swap' },
      {
        name: 'restart',
        before: () => ask(`${stack.designs}/turns`),
        run: async () => cut.push(Number(await stack.bench({ side: 'restart', town: population.town }))),
      },
    ];
    const times = await interleaved(sides, rounds);
    const lost = AGENTS - (await firstTurns(stack, population));
    await stack.api.deleteTown(population.town);
    return [
      {
        id: 'restart.time',
        what: `A refresh of ${AGENTS} agents at work, each a process, against one token for all of them and a restart of each`,
        value: ratio(times, 'hot swap', 'restart'),
        unit: 'x as fast',
        goal: null,
        times,
      },
      {
        id: 'restart.turns',
        what: `Turns that one such restart of ${AGENTS} agents at work cuts off`,
        value: median(cut),
        unit: 'turns',
        goal: null,
        times: [],
      },
      {
        id: 'restart.swap',
        what: `Turns of ${AGENTS} agents that all the hot swaps beside it cut off together`,
        value: lost,
        unit: 'turns',
        goal: null,
        times: [],
      },
    ];
  },
};

async function ask(url: string): Promise<void> {
  const response = await fetch(url, { method: 'POST' });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
}

/** How many agents are still in the first attempt of the only turn that they were given. */
async function firstTurns({ api }: Stack, { town, agents }: Population): Promise<number> {
  const messages = await Promise.all(agents.map((agent) => api.readMessages(town, agent)));
  return messages.flat().filter(({ state, attempts }) => state === 'working' && attempts === 1).length;
}
