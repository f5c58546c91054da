/** What a command works with: the client of where it is signed in, and its output. */
import type { Command } from 'commander';
import { createClient, everyItem, type CallOptions, type ReeveClient } from '../client/index.ts';
import { EXIT, Ended } from './exit.ts';
import { Output, type Format } from './output.ts';
import { readProfile } from './profile.ts';
import type { World } from './world.ts';

/** Options that every command takes. */
interface Shared {
  readonly output: Format;
  readonly json?: true;
}

export interface Session {
  readonly world: World;
  readonly output: Output;
  readonly client: ReeveClient;
  /** Ends calls with the command. */
  readonly until: CallOptions;
}

export function outputOf(world: World, command: Command): Output {
  const { json, output } = command.optsWithGlobals<Shared>();
  return new Output(world, json === true ? 'json' : output);
}

/** Ends the command where it is not signed in. */
export function openSession(world: World, command: Command): Session {
  const { url, key } = readProfile(world.env);
  const client = createClient({ url, token: key, fetch: world.fetch });
  return { world, output: outputOf(world, command), client, until: { signal: world.ending } };
}

/** A whole list, page after page. */
export async function all<T>(read: Parameters<typeof everyItem<T>>[0]): Promise<T[]> {
  const items: T[] = [];
  for await (const item of everyItem(read)) items.push(item);
  return items;
}

/** The id of a town that is given by its id or its name. */
export async function townOf({ client, until }: Session, given: string): Promise<string> {
  if (given.startsWith('town_')) return given;
  const towns = await all((cursor) => client.listTowns({ cursor, ...until }));
  const [found, ...others] = towns.filter(({ name }) => name === given);
  if (found === undefined) throw new Ended(EXIT.notFound, `you have no town that is called ${given}`);
  if (others.length > 0)
    throw new Ended(EXIT.conflict, `several of your towns are called ${given}; say which by its id`);
  return found.id;
}

/** Ends the command where a person does not agree; off a terminal only `--yes` agrees. */
export async function confirm({ world }: Session, what: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (world.stdin.isTTY !== true || world.stderr.isTTY !== true) {
    throw new Ended(EXIT.usage, `this would ${what}; say --yes where no person is asked`);
  }
  const answer = await world.ask(`This will ${what}. Go on? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new Ended(EXIT.failed, 'nothing is changed');
}
