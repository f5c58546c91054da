/** What agents ask, and what a person answers. */
import { type Command, Option } from 'commander';
import type { Permission, PermissionAnswer } from '../../client/index.ts';
import { EXIT, Ended } from '../exit.ts';
import type { Columns } from '../output.ts';
import { all, openSession, townOf } from '../session.ts';
import type { World } from '../world.ts';

const PERMISSION: Columns<Permission> = {
  ID: ({ id }) => id,
  AGENT: ({ agent }) => agent,
  STATE: ({ state }) => state,
  TITLE: ({ title }) => title,
  OPTIONS: ({ options }) => options.map(({ id }) => id).join(', '),
  EXPIRES: ({ expires_at: at }) => at,
};

interface Answer {
  readonly allow?: boolean;
  readonly deny?: boolean;
  readonly option?: string;
}

export function permissionCommands(program: Command, world: World): void {
  const permissions = program.command('permissions').description('what agents ask: list, answer');

  permissions
    .command('list <town>')
    .description('what is open')
    .action(async (given: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const { client, output, until } = session;
      const town = await townOf(session, given);
      const items = await all((cursor) => client.listPermissions(town, { cursor, ...until }));
      output.list(items, PERMISSION);
    });

  permissions
    .command('answer <town> <permission>')
    .description('answer what an agent asks')
    .addOption(new Option('--allow', 'this once').conflicts(['deny', 'option']))
    .addOption(new Option('--deny', 'this once').conflicts(['allow', 'option']))
    .addOption(new Option('--option <id>', 'one of its options').conflicts(['allow', 'deny']))
    .action(async (given: string, permission: string, answer: Answer, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      const answered = await session.client.answerPermission(town, permission, answerOf(answer), session.until);
      session.output.one(answered, PERMISSION);
    });
}

function answerOf({ allow, deny, option }: Answer): PermissionAnswer {
  if (option !== undefined) return { option };
  if (allow === true) return { kind: 'allow_once' };
  if (deny === true) return { kind: 'reject_once' };
  throw new Ended(EXIT.usage, 'say --allow, --deny or --option <id>');
}
