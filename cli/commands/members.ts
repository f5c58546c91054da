/** Who may do what in a town. */
import { Argument, type Command } from 'commander';
import type { Member } from '../../client/index.ts';
import type { Columns } from '../output.ts';
import { all, confirm, openSession, townOf } from '../session.ts';
import type { World } from '../world.ts';

const ROLES = ['viewer', 'member', 'owner'] as const satisfies Member['role'][];
const MEMBER: Columns<Member> = {
  SUBJECT: ({ subject }) => subject,
  ROLE: ({ role }) => role,
  SINCE: ({ since }) => since,
  'ADDED BY': ({ added_by: by }) => by,
};

export function memberCommands(program: Command, world: World): void {
  const members = program.command('members').description('members of a town: list, set, remove');

  members
    .command('list <town>')
    .description('who is a member, as what, and who added them')
    .action(async (given: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const { client, output, until } = session;
      const town = await townOf(session, given);
      output.list(await all((cursor) => client.listMembers(town, { cursor, ...until })), MEMBER);
    });

  members
    .command('set <town> <subject>')
    .description('add a person, or change their role; they read their subject with reeve whoami')
    .addArgument(new Argument('<role>', 'what they may do').choices(ROLES))
    .addHelpText('after', "\nExamples:\n  $ reeve members set first-town 'oidc:google-oauth2|1084' member\n")
    .action(async (given: string, subject: string, role: Member['role'], _: object, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      session.output.one(await session.client.putMember(town, subject, { role }, session.until), MEMBER);
    });

  members
    .command('remove <town> <subject>')
    .description('put a person out of a town, from their next call on')
    .option('--yes', 'ask nothing')
    .action(async (given: string, subject: string, { yes }: { yes?: boolean }, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      await confirm(session, `put ${subject} out of ${given}`, yes);
      session.output.one(await session.client.removeMember(town, subject, session.until), MEMBER);
    });
}
