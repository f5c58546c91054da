/** One run: the world is made, the schedule happens to it, it comes to rest, and everything is stopped. */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { aborted } from '../../scripts/ending.ts';
import type { Guard } from '../../scripts/guard.ts';
import { processName, processesWith } from '../../scripts/holder.ts';
import { findSecrets } from '../support/secret-scan.ts';
import { randomFrom } from '../support/random.ts';
import { awaitRest } from './aftermath.ts';
import {
  agentLineSchema,
  type AgentLine,
  type Aftermath,
  type History,
  type LeftBehind,
  type TownStory,
} from './history.ts';
import { Population, isWeather } from './population.ts';
import type { Act, Schedule } from './schedule.ts';
import { Weather } from './weather.ts';
import { TTL_SECONDS, World } from './world.ts';

const FIRST_TOWNS = 2;
const PROGRESS_MS = 5_000;
/** A town tells of about 72 tokens of an agent, which is many minutes. */
const ACKS_MS = 60_000;
/** An agent that does not end by itself is killed after 10 s. */
const LEAVE_MS = 15_000;

export interface RunOptions {
  readonly schedule: Schedule;
  readonly stateDir: string;
  readonly containers: number;
  readonly guard: Guard;
  /** Ends the run early: what was seen until then is its history. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Rejects where this program fails, and nothing of it is left then either. */
export async function run(options: RunOptions): Promise<History> {
  const { schedule, stateDir, signal, say } = options;
  const witnessed = join(stateDir, 'witnessed');
  mkdirSync(witnessed, { recursive: true });
  const world = await World.start({ ...options, random: randomFrom(schedule.seed) });
  const weather = new Weather(world, signal);
  const population = new Population({ world, witnessed });
  let seen: { startedAt: number; endedAt: number; aftermath: Aftermath | null; towns: TownStory[] };
  try {
    for (let nth = 0; nth < FIRST_TOWNS; nth += 1) await population.createTown();
    const startedAt = Date.now();
    await happen(options, startedAt, weather, population, () => say(progressOf(startedAt, world, weather, population)));
    say('the weather is over');
    const aftermath = await awaitRest(world, population, signal).catch(unlessEnded(signal));
    await population.readAcks().catch(ignoreWeather);
    const towns = (await population.readStories().catch(ignoreWeather)) ?? [];
    seen = { startedAt, endedAt: Date.now(), aftermath, towns };
  } finally {
    await world.stop();
  }
  const secrets = {
    'the token of the person': world.variables['REEVE_DEV_TOKEN'] ?? '',
    'the secret of the containers': world.variables['CONTAINER_SECRET'] ?? '',
  };
  return {
    seed: schedule.seed,
    ttlSeconds: TTL_SECONDS,
    ...seen,
    sent: population.sent,
    lines: readLines(witnessed),
    calls: world.calls,
    cuts: population.cuts,
    troubles: [...weather.troubles, ...population.troubles],
    acks: population.acks,
    leftBehind: await leftBehind(stateDir, secrets, seen.towns),
  };
}

/** Resolves when all acts are carried out, or the run is ended. */
async function happen(
  { schedule, signal }: RunOptions,
  startedAt: number,
  weather: Weather,
  population: Population,
  tell: () => void,
): Promise<void> {
  const carryOut = (act: Act): Promise<void> =>
    'fault' in act ? weather.carryOut(act.fault) : population.carryOut(act.deed);
  const under: Promise<void>[] = [];
  const failed = Promise.withResolvers<never>();
  const timers = [
    setInterval(tell, PROGRESS_MS),
    setInterval(() => void population.readAcks().catch(ignoreWeather), ACKS_MS),
  ];
  const until = (atMs: number): Promise<unknown> =>
    setTimeout(Math.max(0, startedAt + atMs - Date.now()), undefined, { signal }).catch(() => undefined);
  const all = async (): Promise<void> => {
    for (const act of schedule.acts) {
      await until(act.atMs);
      if (signal.aborted) break;
      const carried = carryOut(act);
      carried.catch((thrown: unknown) => failed.reject(thrown));
      under.push(carried);
    }
    await until(schedule.endsAtMs);
    await Promise.race([Promise.all(under), aborted(signal)]);
  };
  try {
    await Promise.race([all(), failed.promise]);
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
}

function progressOf(startedAt: number, world: World, weather: Weather, population: Population): string {
  const refused = world.calls.filter(({ status }) => status === 401).length;
  const now = Math.round((Date.now() - startedAt) / 1000);
  const broken = weather.active.size === 0 ? 'calm' : [...weather.active].join(', ');
  return `${now} s: ${population.sent.length} messages accepted, ${population.living.length} agents in ${population.towns.length} towns, ${world.calls.length} calls, ${refused} of them 401; ${broken}`;
}

const readLines = (folder: string): AgentLine[] =>
  readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      // The last one of a process that was killed may be cut.
      .filter((line) => line.endsWith('}'))
      .map((line) => agentLineSchema.parse(JSON.parse(line))),
  );

async function leftBehind(
  stateDir: string,
  known: Readonly<Record<string, string>>,
  towns: readonly TownStory[],
): Promise<LeftBehind> {
  const until = Date.now() + LEAVE_MS;
  while (processesWith(`${stateDir}/`).length > 0 && Date.now() < until) await setTimeout(100);
  const logs = ['logs', 'witnessed'].flatMap((folder) =>
    readdirSync(join(stateDir, folder)).map(
      (name) => [name, readFileSync(join(stateDir, folder, name), 'utf8')] as const,
    ),
  );
  const found = [...logs, ['the towns', JSON.stringify(towns)] as const].flatMap(([name, text]) =>
    findSecrets(name, text, known),
  );
  return {
    processes: processesWith(`${stateDir}/`).map(processName),
    secrets: [...new Set(found.map(({ where, what }) => `${where}: ${what}`))],
  };
}

/** What a person asks in such a weather may come to nothing; anything else is a fault of this program. */
function ignoreWeather(thrown: unknown): void {
  if (!isWeather(thrown)) throw thrown;
}

const unlessEnded =
  (signal: AbortSignal) =>
  (thrown: unknown): null => {
    if (!signal.aborted) throw thrown;
    return null;
  };
