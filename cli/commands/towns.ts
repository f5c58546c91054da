/** Towns, and how they are. */
import { Option, type Command } from 'commander';
import type {
  Container,
  DeletedTown,
  Health,
  Restore,
  RestoreBegun,
  SweepReport,
  Town,
  TownEntry,
} from '../../client/index.ts';
import { EXIT, Ended } from '../exit.ts';
import type { Columns } from '../output.ts';
import { all, confirm, openSession, townOf } from '../session.ts';
import { watch } from '../watch.ts';
import type { World } from '../world.ts';

const ENTRY: Columns<TownEntry> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  CREATED: ({ created_at: at }) => at,
};
const TOWN: Columns<Town> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  AGENTS: ({ agents }) => agents,
  'NEXT SWEEP': ({ next_sweep_at: at }) => at,
};
const CONTAINER: Columns<Container> = {
  CONTAINER: ({ container }) => container,
  STATE: ({ state }) => state,
  SINCE: ({ since }) => since,
  HEARD: ({ last_heard_at: at }) => at,
  'HELD UNTIL': ({ held }) => held?.until ?? null,
  AGENTS: ({ agents }) => agents.length,
};
const REASON: Columns<Health['reasons'][number]> = {
  STATUS: ({ status }) => status,
  CODE: ({ code }) => code,
  AGENT: ({ agent }) => agent,
  SINCE: ({ since }) => since,
  DETAIL: ({ detail }) => detail,
  ADVICE: ({ advice }) => advice,
};
const DELETED: Columns<DeletedTown> = {
  ID: ({ id }) => id,
  STATUS: ({ status }) => status,
};
const BEGUN: Columns<RestoreBegun> = {
  UNDO: ({ undo }) => undo,
};
/** What a refresh came to, also where it was of one agent. */
export const SWEPT: Columns<SweepReport> = {
  DUE: ({ due }) => due,
  OK: ({ ok }) => ok,
  FAILED: ({ failed }) => failed,
  SKIPPED: ({ skipped }) => skipped,
};

export function townCommands(program: Command, world: World): void {
  const towns = program.command('towns').description('towns: list, create, get, refresh, restore, delete');

  towns
    .command('list')
    .description('your towns')
    .action(async (_: object, command: Command) => {
      const { client, output, until } = openSession(world, command);
      output.list(await all((cursor) => client.listTowns({ cursor, ...until })), ENTRY);
    });

  towns
    .command('create <name>')
    .description('a new town, which is yours')
    .action(async (name: string, _: object, command: Command) => {
      const { client, output, until } = openSession(world, command);
      output.one(await client.createTown({ name }, until), TOWN);
    });

  towns
    .command('get <town>')
    .description('a town, by its id or its name')
    .action(async (given: string, _: object, command: Command) => {
      const session = openSession(world, command);
      session.output.one(await session.client.getTown(await townOf(session, given), session.until), TOWN);
    });

  towns
    .command('refresh <town>')
    .description('a fresh token for every agent; 1 where a container did not take one')
    .action(async (given: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const report = await session.client.refreshTown(await townOf(session, given), {}, session.until);
      session.output.one(report, SWEPT);
      if (report.failed > 0) throw new Ended(EXIT.failed);
    });

  towns
    .command('delete <town>')
    .description('a town with all that is in it, for good')
    .option('--yes', 'ask nothing')
    .action(async (given: string, { yes }: { yes?: boolean }, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      await confirm(session, `delete ${town} with all its agents and messages, for good`, yes);
      session.output.one(await session.client.deleteTown(town, session.until), DELETED);
    });
  restoreCommand(towns, world);
  healthCommand(program, world);
  containerCommand(program, world);
}

function containerCommand(program: Command, world: World): void {
  const containers = program.command('containers').description('containers of a town: list');

  containers
    .command('list <town>')
    .description('the containers of a town, by what the town knows: none is asked or woken')
    .action(async (given: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const { items } = await session.client.listContainers(await townOf(session, given), session.until);
      session.output.list(items, CONTAINER);
    });
}

function restoreCommand(towns: Command, world: World): void {
  towns
    .command('restore <town>')
    .description('a town as it was at an earlier time, or as a bookmark names; prints the bookmark that undoes it')
    .addOption(new Option('--at <time>', 'RFC 3339, at most 30 days back').conflicts('bookmark'))
    .option('--bookmark <bookmark>', 'what a restore has printed')
    .option('--yes', 'ask nothing')
    .action(async (given: string, options: RestoreOptions, command: Command) => {
      const to = restoreOf(options);
      const session = openSession(world, command);
      const town = await townOf(session, given);
      await confirm(session, `put ${town} back, and lose all that came since`, options.yes);
      session.output.one(await session.client.restoreTown(town, to, session.until), BEGUN);
    });
}

interface RestoreOptions {
  readonly at?: string;
  readonly bookmark?: string;
  readonly yes?: boolean;
}

function restoreOf({ at, bookmark }: RestoreOptions): Restore {
  if (at !== undefined) return { at };
  if (bookmark !== undefined) return { bookmark };
  throw new Ended(EXIT.usage, 'say --at <time> or --bookmark <bookmark>');
}

function healthCommand(program: Command, world: World): void {
  program
    .command('health <town>')
    .description('what is wrong in a town, since when, and what to do about it; 1 where it is red')
    .option('-w, --watch', 'go on, and show each change')
    .action(async (given: string, options: { watch?: boolean }, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      const show = (health: Health): void => {
        if (session.output.format === 'table') {
          session.output.text(`${health.status}\n`);
          session.output.list(health.reasons, REASON);
        } else session.output.line(health);
      };
      const health = await watch(session, options.watch, () => session.client.getTownHealth(town, session.until), show);
      if (health.status === 'red') throw new Ended(EXIT.failed);
    });
}
