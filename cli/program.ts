/** The commands, by noun and verb. */
import tab from '@bomb.sh/tab/commander';
import { Command, Option } from 'commander';
import { agentCommands } from './commands/agents.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventCommands } from './commands/events.ts';
import { keyCommands } from './commands/keys.ts';
import { memberCommands } from './commands/members.ts';
import { messageCommands } from './commands/messages.ts';
import { permissionCommands } from './commands/permissions.ts';
import { signInCommands } from './commands/sign-in.ts';
import { townCommands } from './commands/towns.ts';
import { webhookCommands } from './commands/webhooks.ts';
import { EXIT, endOf, type ExitCode } from './exit.ts';
import { FORMATS } from './output.ts';
import { say, type World } from './world.ts';

const EPILOGUE = `
Data goes to stdout, all else to stderr. <town> is an id or a name. Signed in is who has run reeve login; without that, the
stack of npm start in this folder.

Exit codes: 0 ok, 1 failed, 2 usage, 3 not found, 4 not signed in or not allowed, 5 conflict, 6 timeout, 7 unreachable,
130 interrupted.

Examples:
  $ reeve towns create first-town
  $ reeve agents create first-town ada
  $ reeve send first-town ada good morning
  $ reeve agents list first-town --json
  $ reeve complete bash > ~/.local/share/bash-completion/completions/reeve
`;

/** Runs one command, and returns the exit code. What is thrown is unforeseen. */
export async function run(args: readonly string[], world: World): Promise<ExitCode> {
  try {
    await programOf(world).parseAsync([...args], { from: 'user' });
    return EXIT.ok;
  } catch (thrown) {
    if (world.ending.aborted && !(thrown instanceof Error && 'code' in thrown && thrown.code === EXIT.interrupted)) {
      return EXIT.interrupted;
    }
    const { code, line } = endOf(thrown);
    if (line !== '') say(world, line);
    return code;
  }
}

function programOf(world: World): Command {
  const program = new Command('reeve')
    .description('Towns of long-lived agents, from the command line.')
    .addOption(new Option('-o, --output <format>', 'how data is written').choices(FORMATS).default('table'))
    .option('--json', 'the same as --output json')
    .addHelpText('after', EPILOGUE)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void world.stdout.write(text),
      writeErr: (text) => void world.stderr.write(text),
    });
  signInCommands(program, world);
  townCommands(program, world);
  agentCommands(program, world);
  messageCommands(program, world);
  eventCommands(program, world);
  permissionCommands(program, world);
  memberCommands(program, world);
  webhookCommands(program, world);
  keyCommands(program, world);
  doctorCommand(program, world);
  tab(program);
  return program;
}
