/** The crash matrix: what a verb reaches in good weather, cut at each place and in each way. */
import { messageOf } from '../../../src/lib/result.ts';
import { lab } from './lab.ts';
import { faultsAt, weather, type Layer, type Reached, type Strike } from './weather.ts';
import { World } from './world.ts';

export interface Scenario {
  readonly verb: string;
  /** The world before the verb, in good weather. */
  readonly arrange: (world: World) => Promise<unknown>;
  /** The verb, as a caller asks for it. Rejects where it is not accepted; asked again, it does what is still to do. */
  readonly act: (world: World) => Promise<unknown>;
  /** The effect with which it becomes another verb's work, which has rows of its own. Absent: it ends where it answers. */
  readonly until?: string;
  /** Its rows go on until the town is quiet: what the agents say afterwards belongs to it. */
  readonly whole?: true;
  /** What else is true once the weather is over; `since`: how many requests its container had seen before the verb. */
  readonly after?: (world: World, since: number) => void;
  /** It differs in a town that has seen it before. */
  readonly fresh?: true;
}

/** Cases that one town is taken through: the weather of the next finds what the last one left. */
const CASES_PER_WORLD = 12;

/** The world before the verb, with nothing under way: what goes on behind an answer would else be the verb's, or not, by chance. */
async function arranged(world: World, scenario: Scenario): Promise<void> {
  await scenario.arrange(world);
  await world.settled();
}

/** What a verb reaches in good weather. */
export async function record(scenario: Scenario): Promise<readonly Reached[]> {
  const world = await World.create();
  await arranged(world, scenario);
  weather.begin(world.town.id, null);
  await scenario.act(world);
  await world.settled();
  const own = weather.trace.length;
  await world.calm();
  const { trace } = weather;
  weather.end();
  await world.hold();
  await lab.end();
  const end = trace.findIndex(({ effect }) => effect === scenario.until);
  return trace.slice(0, end === -1 ? (scenario.whole ? trace.length : own) : end);
}

/** Every cut of a verb in these layers. */
export function strikesOf(trace: readonly Reached[], layers: readonly Layer[]): Strike[] {
  return trace
    .filter(({ layer }) => layers.includes(layer))
    .flatMap((reached) => {
      const { layer, effect, nth } = reached;
      return faultsAt(reached).map((fault) => ({ layer, effect, nth, fault }));
    });
}

/** Takes towns through all of them; answers which broke a promise, and how. */
export async function broken(scenario: Scenario, strikes: readonly Strike[]): Promise<string[]> {
  const found: string[] = [];
  let world: World | null = null;
  let cases = 0;
  for (const strike of strikes) {
    world ??= await World.create();
    cases += 1;
    const { layer, effect, nth, fault } = strike;
    const failure = await survive(world, scenario, strike).then(() => null, messageOf);
    if (failure !== null) found.push(`${scenario.verb}: ${layer} ${effect} #${nth} ${fault}: ${failure}`);
    weather.end();
    if (failure === null && scenario.fresh === undefined && cases % CASES_PER_WORLD !== 0) continue;
    await lab.end();
    world = null;
  }
  await lab.end();
  return found;
}

/** One case. */
async function survive(world: World, scenario: Scenario, strike: Strike): Promise<void> {
  await arranged(world, scenario);
  const since = world.container.requests.length;
  weather.begin(world.town.id, strike);
  const accepted = scenario.act(world).then(
    () => true,
    () => false,
  );
  // What hangs inside the town never ends by itself: in the end the platform puts the object down.
  if (strike.fault === 'town dies' || (strike.layer === 'town' && strike.fault === 'hangs')) {
    await world.until(() => weather.struck);
    await world.putDown();
  }
  const isAccepted = await accepted;
  await world.calm();
  if (!weather.struck) throw new Error('the fault was not reached');
  // A caller without an answer that it was accepted asks again.
  if (!isAccepted) await scenario.act(world);
  await world.hold();
  scenario.after?.(world, since);
}
