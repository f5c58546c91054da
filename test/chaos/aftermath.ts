/** After the weather: people start what they had stopped, and everything comes to rest, or it does not. */
import { setTimeout } from 'node:timers/promises';
import { isOver, type Agent, type Health } from '../../client/index.ts';
import type { Aftermath } from './history.ts';
import { allItems, isWeather, type Population } from './population.ts';
import type { World } from './world.ts';

/** Everything comes to rest within this (ms): an agent that died again and again waits up to 10 minutes, but for a person's start. */
const PATIENCE_MS = 300_000;
const ASK_EVERY_MS = 1000;

/** Rejects with the signal's reason. */
export async function awaitRest(world: World, population: Population, signal: AbortSignal): Promise<Aftermath> {
  const from = Date.now();
  const until = from + PATIENCE_MS;
  const rests = async (ask: () => Promise<boolean>): Promise<boolean> => {
    while (Date.now() < until) {
      signal.throwIfAborted();
      if (await ask().catch(notYet)) return true;
      await setTimeout(ASK_EVERY_MS, undefined, { signal });
    }
    return false;
  };
  // The last message of each agent is one that nothing disturbs; with it all of them run.
  const pending = new Map(population.living.map((one) => [one.id, one]));
  const isGreeted = await rests(async () => {
    for (const { town, id } of pending.values()) {
      await population.client.startAgent(town, id).catch(notYet);
      await population.send(town, id, 'hello');
      pending.delete(id);
    }
    return true;
  });
  const isCalm = isGreeted && (await rests(async () => (await population.finishDeletions()) && isAtRest(population)));
  const calmAfterMs = isCalm ? Date.now() - from : null;
  const reasons = await Promise.all(population.towns.map((town) => population.client.getTownHealth(town)));
  const live = (await agentsOf(population)).filter(({ process_id, state }) => process_id !== null && isAlive(state));
  return {
    calmAfterMs,
    unwell: reasons.flatMap((health: Health) => health.reasons),
    containers: (await world.scrape()).map(heldIn),
    live: live.length,
  };
}

async function isAtRest(population: Population): Promise<boolean> {
  for (const town of population.towns) {
    const { status } = await population.client.getTownHealth(town);
    if (status !== 'green') return false;
  }
  const agents = await agentsOf(population);
  if (agents.some(({ state }) => state !== 'idle' && state !== 'retired')) return false;
  for (const { town, id } of population.living) {
    const { items } = await population.client.listMessages(town, id, { order: 'newest', limit: 200 });
    if (!items.every(isOver)) return false;
  }
  return true;
}

async function agentsOf({ towns, client }: Population): Promise<Agent[]> {
  const all = towns.map((town) => allItems((cursor) => client.listAgents(town, { cursor })));
  return (await Promise.all(all)).flat();
}

const isAlive = (state: Agent['state']): boolean => state === 'idle' || state === 'working' || state === 'stalled';

/** Of the text that a control server shows to a Prometheus. */
function heldIn(text: string): Aftermath['containers'][number] {
  const sum = (name: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`reeve_container_${name}`))
      .reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  return { running: sum('agents{'), registered: sum('registry_agents ') };
}

/** The weather goes on a little after its end; anything else is a fault of this program. */
function notYet(thrown: unknown): false {
  if (!isWeather(thrown)) throw thrown;
  return false;
}
