import { median } from '../measure.ts';
import { populate } from '../town.ts';
import type { Claim } from './claim.ts';

/** How many agents are made, and of how many one time is taken. */
const AGENTS = 5000;
const STEP = 250;

/** The last agents of a town are made as fast as the first. */
export const creation: Claim = {
  name: 'creation',
  measure: async ({ stack, say }) => {
    const town = await populate(stack, 0);
    const ms: number[] = [];
    for (let made = 0; made < AGENTS; made += STEP) {
      say(`${made} of ${AGENTS} agents are there`);
      const from = performance.now();
      for (let at = made; at < made + STEP; at += 1) await stack.api.createAgent(town.town, `a${at}`);
      ms.push(performance.now() - from);
    }
    await stack.api.deleteTown(town.town);
    const half = Math.floor(ms.length / 2);
    return [
      {
        id: 'creation.linear',
        what: `${STEP} agents are made in the second half of ${AGENTS}, against the first half`,
        value: median(ms.slice(half)) / median(ms.slice(0, half)),
        unit: 'x as long',
        goal: { at: 'most', value: 1.1 },
        times: [{ name: `${STEP} agents`, ms }],
      },
    ];
  },
};
