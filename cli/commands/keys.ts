/** The caller's own API keys. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { ApiKey, ApiKeyOrder } from '../../client/index.ts';
import type { Columns } from '../output.ts';
import { all, confirm, openSession } from '../session.ts';
import { say, type World } from '../world.ts';

const KEY: Columns<ApiKey> = {
  ID: ({ id }) => id,
  NAME: ({ name }) => name,
  SCOPE: ({ scope }) => scope,
  PREFIX: ({ prefix }) => prefix,
  EXPIRES: ({ expires_at: at }) => at,
  REVOKED: ({ revoked_at: at }) => at,
};

export function keyCommands(program: Command, world: World): void {
  const keys = program.command('keys').description('your API keys: list, create, revoke');

  keys
    .command('list')
    .description('your keys, revoked and expired ones too')
    .action(async (_: object, command: Command) => {
      const { client, output, until } = openSession(world, command);
      output.list(await all((cursor) => client.listApiKeys({ cursor, ...until })), KEY);
    });

  keys
    .command('create <name>')
    .description('a new key; its text is printed this once, and nothing else on stdout')
    .addOption(new Option('--scope <scope>', 'what it allows').choices(['read', 'chat', 'admin']).default('chat'))
    .option('--days <days>', 'how long it lives, 1 to 365', daysOf, 90)
    .addHelpText('after', '\nExamples:\n  $ (umask 077; reeve keys create phone --scope chat > phone.key)\n')
    .action(async (name: string, given: { scope: ApiKey['scope']; days: number }, command: Command) => {
      const { client, output, until } = openSession(world, command);
      const order: ApiKeyOrder = { name, scope: given.scope, expires_in_days: given.days };
      const made = await client.createApiKey(order, until);
      if (output.format !== 'table') return output.line(made);
      output.text(`${made.key}\n`);
      say(world, `${made.id} allows ${made.scope} until ${made.expires_at}`);
    });

  keys
    .command('revoke <key>')
    .description('refuse a key from its next call on, for good')
    .option('--yes', 'ask nothing')
    .action(async (id: string, { yes }: { yes?: boolean }, command: Command) => {
      const session = openSession(world, command);
      await confirm(session, `revoke ${id} for good`, yes);
      session.output.one(await session.client.revokeApiKey(id, session.until), KEY);
    });
}

function daysOf(given: string): number {
  if (!/^\d{1,3}$/.test(given)) throw new InvalidArgumentError('expected a number of days.');
  return Number(given);
}
