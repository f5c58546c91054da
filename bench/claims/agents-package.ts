import { setTimeout as pause } from 'node:timers/promises';
import { interleaved, ratio, type Side } from '../measure.ts';
import { refreshesOf } from '../refreshes.ts';
import type { Stack } from '../stack.ts';
import { populate, putToWork, type Population } from '../town.ts';
import type { Claim } from './claim.ts';

const AGENTS = 100;
/** Far more than all of them take to plan, and to be refreshed, on a busy machine. */
const PLANNED_MS = 5_000;
const PATIENCE_MS = 60_000;
const SECOND_MS = 1000;
const POLL_MS = 5;
const LANES = 20;

/** What a refresh costs where each agent is an object of Cloudflare's `agents` package, with a schedule of its own. */
export const agentsPackage: Claim = {
  name: 'agents-package',
  measure: async ({ stack, rounds, say }) => {
    say(`${AGENTS} agents go to work`);
    const population = await populate(stack, AGENTS);
    await putToWork(stack, population);
    const sides = [refreshesOf(stack, population)('sweep', 1), schedules(stack, population)];
    const times = await interleaved(sides, rounds);
    await stack.api.deleteTown(population.town);
    return [
      {
        id: 'package.refresh',
        what: `A sweep of ${AGENTS} agents, against as many objects of the agents package with a schedule, a token and a push each`,
        value: ratio(times, 'sweep', 'agents package'),
        unit: 'x as fast',
        goal: null,
        times,
      },
    ];
  },
};

/** From the second at which all are due, the moment of their alarms, until their container has a token more of each. */
function schedules(stack: Stack, { town, agents }: Population): Side {
  const order = { town, agents, lanes: LANES };
  const acked = async (): Promise<number> => Number(await stack.bench({ side: 'package acked', ...order }));
  const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
    const lateAtMs = Date.now() + PATIENCE_MS;
    while (!(await isSo())) {
      if (Date.now() > lateAtMs) throw new Error(`agents package: not each agent was ${what}`);
      await pause(POLL_MS);
    }
  };
  let gen = 0;
  return {
    name: 'agents package',
    before: async () => {
      gen = (await acked()) / agents.length + 1;
      const dueAtMs = Math.ceil((Date.now() + PLANNED_MS) / SECOND_MS) * SECOND_MS;
      await stack.bench({ side: 'package plan', ...order, n: dueAtMs });
      const restMs = dueAtMs - Date.now();
      if (restMs < 0) throw new Error('agents package: they were due before all of them knew it');
      await pause(restMs);
    },
    run: () => until('refreshed', async () => (await pushed(stack, gen)) === agents.length),
    after: () => until('confirmed', async () => (await acked()) === gen * agents.length),
  };
}

/** How many agents hold this generation, as their container has it. */
async function pushed({ designs }: Stack, gen: number): Promise<number> {
  return Number(await (await fetch(`${designs}/tokens/${gen}`)).text());
}
