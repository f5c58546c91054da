import { interleaved, ratio } from '../measure.ts';
import { populate, putToWork } from '../town.ts';
import type { Claim, Finding } from './claim.ts';

/** Agents that call, how often together, and how many at a time. */
const LOADS = [
  { agents: 1, n: 1000, lanes: 1 },
  { agents: 50, n: 2000, lanes: 50 },
];

/** What an agent's call costs beside the call of an object that does nothing. */
export const calls: Claim = {
  name: 'calls',
  measure: async ({ stack, rounds, say }) => {
    const population = await populate(stack, 50);
    await putToWork(stack, population);
    const findings: Finding[] = [];
    for (const { agents, n, lanes } of LOADS) {
      say(`${n} calls of ${agents} agents`);
      const order = { town: population.town, n, lanes, agents: population.agents.slice(0, agents) };
      const sides = ['heartbeat', 'heartbeat by rpc', 'bare rpc'].map((side) => ({
        name: side,
        run: () => stack.bench({ side, ...order }),
      }));
      const times = await interleaved(sides, rounds);
      const of = agents === 1 ? 'one agent' : `${agents} agents at once`;
      findings.push(
        {
          id: `calls.town.${agents}`,
          what: `Heartbeats of ${of} in the town, against calls of an object that does nothing`,
          value: ratio(times, 'heartbeat by rpc', 'bare rpc'),
          unit: 'x as fast',
          goal: { at: 'least', value: 0.6 },
          times,
        },
        {
          id: `calls.edge.${agents}`,
          what: 'The same with the route and the check of the token at the edge',
          value: ratio(times, 'heartbeat', 'bare rpc'),
          unit: 'x as fast',
          goal: null,
          times: [],
        },
      );
    }
    await stack.api.deleteTown(population.town);
    return findings;
  },
};
