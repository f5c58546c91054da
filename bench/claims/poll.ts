import { setTimeout as pause } from 'node:timers/promises';
import { Pollers } from '../designs/pollers.ts';
import { byTurns, interleaved, median, ratio } from '../measure.ts';
import { BEGIN } from '../quiet-agent.ts';
import { refreshesOf } from '../refreshes.ts';
import type { Stack } from '../stack.ts';
import { populate, putToWork, type Population } from '../town.ts';
import type { Bench, Claim, Finding } from './claim.ts';

const AGENTS = 100;
/** In which nothing is to be done: as long as one poll waits. */
const IDLE_MS = 60_000;
/** After the start of the agents, until nothing follows from it. */
const SETTLING_MS = 10_000;
const HOUR_MS = 3_600_000;
const SENT = 20;

/** What agents cost that ask for their work and their tokens, as the workers of a workflow engine do. */
export const poll: Claim = {
  name: 'poll',
  measure: async (bench) => {
    const { stack } = bench;
    const population = await populate(stack, AGENTS);
    const { town, agents } = population;
    const addressOf = (agent: string, held: number): string =>
      `${stack.url}/bench/poll?town=${town}&agent=${agent}&held=${held}`;
    const pollers = new Pollers({ agents, addressOf });
    try {
      return await Promise.race([pollers.failed, measureAll(bench, population, pollers)]);
    } finally {
      pollers.stop();
      await stack.api.deleteTown(town);
    }
  },
};

async function measureAll(bench: Bench, population: Population, pollers: Pollers): Promise<Finding[]> {
  const idle = await idleRequests(bench, pollers);
  const [agent = ''] = population.agents;
  bench.say(`messages, and then tokens, for ${AGENTS} agents`);
  const lags = await byTurns(
    [
      { name: 'push', measure: () => medianOf(() => pushLag(bench.stack, population.town, agent)) },
      { name: 'long poll', measure: () => medianOf(() => pollLag(bench.stack, population.town, agent, pollers)) },
    ],
    bench.rounds,
  );
  await putToWork(bench.stack, population);
  const times = await interleaved(
    [
      refreshesOf(bench.stack, population)('sweep', 1),
      { name: 'long poll', run: () => bench.stack.bench({ side: 'poll refresh', town: population.town }) },
    ],
    bench.rounds,
  );
  return [
    ...idle,
    {
      id: 'poll.message',
      what: 'From sending a message to an idle agent until its turn begins, against a row and an open poll, without a token',
      value: 1 / ratio(lags, 'push', 'long poll'),
      unit: 'x as long',
      goal: null,
      times: lags,
    },
    {
      id: 'poll.refresh',
      what: `A sweep of ${AGENTS} agents, against as many open polls that are answered with a token`,
      value: ratio(times, 'sweep', 'long poll'),
      unit: 'x as fast',
      goal: null,
      times,
    },
  ];
}

/** Of a minute, in an hour; what connects the containers counts for the agents in them. */
async function idleRequests({ stack, say }: Bench, pollers: Pollers): Promise<Finding[]> {
  say(`${AGENTS} agents have nothing to do for a minute`);
  await pause(SETTLING_MS);
  const counted = async (): Promise<number[]> => [pollers.requests, await stack.controlRequests()];
  const before = await counted();
  await pause(IDLE_MS);
  const [polls = 0, pushes = 0] = (await counted()).map((after, nth) => after - (before[nth] ?? 0));
  const idleOf = (id: string, whose: string, requests: number): Finding => ({
    id,
    what: `Requests between an agent without work and its town, ${whose}`,
    value: (requests / AGENTS) * (HOUR_MS / IDLE_MS),
    unit: 'an hour',
    goal: null,
    times: [],
  });
  return [idleOf('poll.idle', 'where it polls', polls), idleOf('poll.pushed', 'where it is pushed to', pushes)];
}

async function medianOf(lag: () => Promise<number>): Promise<number> {
  const lags: number[] = [];
  for (let nth = 0; nth < SENT; nth += 1) lags.push(await lag());
  return median(lags);
}

/** Both clocks are this machine's. */
async function pushLag({ api }: Stack, town: string, agent: string): Promise<number> {
  const sentAtMs = Date.now();
  const message = await api.send(town, agent, BEGIN);
  const { reply } = await api.until(town, agent, message, 'done', 60);
  return Number(reply) - sentAtMs;
}

async function pollLag(stack: Stack, town: string, agent: string, pollers: Pollers): Promise<number> {
  const begun = pollers.turnOf(agent);
  const sentAtMs = Date.now();
  await Promise.all([begun, stack.bench({ side: 'poll send', town, agents: [agent] })]);
  return Date.now() - sentAtMs;
}
