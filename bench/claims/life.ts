import { interleaved, ratio } from '../measure.ts';
import { populate, type Population } from '../town.ts';
import type { Stack } from '../stack.ts';
import type { Claim } from './claim.ts';

const MESSAGES = 10_000;
const RETIRED = 10_000;
const BATCH = 500;
const SENT = 40;

/** A long life slows nothing down. */
export const life: Claim = {
  name: 'life',
  measure: async ({ stack, rounds, say }) => {
    const [young, old] = [await populate(stack, 5), await populate(stack, 5)];
    say(`a town gets ${MESSAGES} messages, ten times as many events and ${RETIRED} retired agents`);
    for (let n = 0; n < MESSAGES; n += BATCH) await stack.bench({ side: 'fill', ...old, n: BATCH });
    for (let n = 0; n < RETIRED; n += BATCH) await stack.bench({ side: 'retire', ...old, n: BATCH });
    const side = (name: string, population: Population) => ({ name, run: () => post(stack, population) });
    const times = await interleaved([side('new town', young), side('old town', old)], rounds);
    for (const { town } of [young, old]) await stack.api.deleteTown(town);
    return [
      {
        id: 'life.post',
        what: `A message is sent, delivered and answered in a town with ${MESSAGES} messages, ${MESSAGES * 10} events and ${RETIRED} retired agents, against a new town`,
        value: 1 / ratio(times, 'old town', 'new town'),
        unit: 'x as long',
        goal: { at: 'most', value: 1.1 },
        times,
      },
    ];
  },
};

/** As a person, through the edge. */
async function post({ api }: Stack, { town, agents }: Population): Promise<void> {
  for (let nth = 0; nth < SENT; nth += 1) await api.send(town, agents[nth % agents.length] ?? '', 'hello');
}
