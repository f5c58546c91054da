import { interleaved, ratio } from '../measure.ts';
import { populate } from '../town.ts';
import type { Claim, Finding } from './claim.ts';

const LOADS = [
  { agents: 1, n: 50, lanes: 1 },
  { agents: 50, n: 200, lanes: 50 },
];

/** What a delivery costs, token and turn with it, beside an object that writes a row and makes a request. */
export const delivery: Claim = {
  name: 'delivery',
  measure: async ({ stack, rounds, say }) => {
    const population = await populate(stack, 50);
    const findings: Finding[] = [];
    for (const { agents, n, lanes } of LOADS) {
      say(`${n} messages to ${agents} agents`);
      const order = { town: population.town, n, lanes, agents: population.agents.slice(0, agents) };
      const sides = ['delivery', 'bare delivery'].map((side) => ({
        name: side,
        run: () => stack.bench({ side, ...order }),
      }));
      const times = await interleaved(sides, rounds);
      findings.push({
        id: `delivery.${agents}`,
        what: `Deliveries to ${agents === 1 ? 'one agent, one after the other' : `${agents} agents at once`}, with the turns that follow, against a call, a row and a request`,
        value: ratio(times, 'delivery', 'bare delivery'),
        unit: 'x as fast',
        goal: { at: 'least', value: 0.6 },
        times,
      });
    }
    await stack.api.deleteTown(population.town);
    return findings;
  },
};
