import { setTimeout as pause } from 'node:timers/promises';
import { StreamClient } from '../../client/stream-client.ts';
import { median } from '../measure.ts';
import { TIME } from '../quiet-agent.ts';
import type { Stack } from '../stack.ts';
import { populate } from '../town.ts';
import type { Claim } from './claim.ts';

const READERS = 100;
const EVENTS = 2000;
const TURNS = 40;
const POLL_MS = 5;

interface Reading {
  readonly client: StreamClient;
  seq: number;
}

/** A hundred readers of one town keep up, and see the end of a turn at once. */
export const readers: Claim = {
  name: 'readers',
  measure: async ({ stack, rounds, say }) => {
    const { town, agents } = await populate(stack, 5);
    say(`${TURNS} turns`);
    const lags: number[] = [];
    const first = await follow(stack, town, lags);
    for (let nth = 0; nth < TURNS; nth += 1) {
      const agent = agents[nth % agents.length] ?? '';
      const id = await stack.api.send(town, agent, TIME);
      await stack.api.until(town, agent, id, 'done', 60);
    }
    const others = Array.from({ length: READERS - 1 }, () => follow(stack, town, null));
    const all = [first, ...(await Promise.all(others))];
    say(`${EVENTS} events for ${READERS} readers`);
    const rates: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const from = performance.now();
      const head = Number(await stack.bench({ side: 'happen', town, agents, n: EVENTS }));
      while (all.some(({ seq }) => seq < head)) await pause(POLL_MS);
      rates.push(EVENTS / ((performance.now() - from) / 1000));
    }
    for (const { client } of all) client.close();
    await stack.api.deleteTown(town);
    return [
      {
        id: 'readers.rate',
        what: `Events of one town that ${READERS} readers get, each of them all`,
        value: median(rates),
        unit: 'events a second',
        goal: { at: 'least', value: 1000 },
        times: [],
      },
      {
        id: 'readers.turn',
        what: 'From the end of a turn in the container until a reader of the stream sees it, at the median',
        value: median(lags),
        unit: 'ms',
        goal: { at: 'most', value: 10 },
        times: [{ name: 'turn', ms: lags }],
      },
    ];
  },
};

/** Resolves when it is live. `lags` gets, of each turn that ends, how long that took to be seen. Both clocks are this machine's. */
async function follow({ api, url }: Stack, town: string, lags: number[] | null): Promise<Reading> {
  const live = Promise.withResolvers<void>();
  const reading = { seq: 0 };
  const client = new StreamClient({
    address: `${url}/v1/towns/${town}/stream`,
    ticket: () => api.ticket(town),
    onEvent: (event) => {
      reading.seq = event.seq;
      if (event.type === 'reeve.turn.finished') lags?.push(Date.now() - Number(event.data.reply));
    },
    onState: ({ name }) => {
      if (name === 'live') live.resolve();
    },
  });
  await live.promise;
  return Object.assign(reading, { client });
}
