import { interleaved, ratio } from '../measure.ts';
import { refreshesOf } from '../refreshes.ts';
import { populate, putToWork } from '../town.ts';
import type { Claim } from './claim.ts';

const AGENTS = 500;
/** As many requests as the platform lets one object wait for. */
const IN_FLIGHT = 6;

/** A sweep is cheap: beside one request for each agent, and beside the signatures alone. */
export const sweep: Claim = {
  name: 'sweep',
  measure: async ({ stack, rounds, say }) => {
    say(`${AGENTS} agents go to work`);
    const population = await populate(stack, AGENTS);
    await putToWork(stack, population);
    const refreshes = refreshesOf(stack, population);
    const sides = [
      refreshes('sweep', 1),
      refreshes('push each', IN_FLIGHT),
      { name: 'sign', run: () => stack.bench({ side: 'sign', town: population.town, n: AGENTS }) },
    ];
    const times = await interleaved(sides, rounds);
    await stack.api.deleteTown(population.town);
    return [
      {
        id: 'sweep.pushes',
        what: `A sweep of ${AGENTS} agents, against one push each, ${IN_FLIGHT} at a time`,
        value: ratio(times, 'sweep', 'push each'),
        unit: 'x as fast',
        goal: { at: 'least', value: 12 },
        times,
      },
      {
        id: 'sweep.signing',
        what: `The same, against signing ${AGENTS} tokens and nothing else`,
        value: 1 / ratio(times, 'sweep', 'sign'),
        unit: 'x as long',
        goal: { at: 'most', value: 3 },
        times: [],
      },
    ];
  },
};
