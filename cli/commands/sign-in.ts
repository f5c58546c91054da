/** Where the command line is signed in, and as whom. */
import { readFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import { createClient, type Caller, type SignInLinkOrder } from '../../client/index.ts';
import { EXIT, Ended } from '../exit.ts';
import type { Columns } from '../output.ts';
import { originOf, profileFile, removeProfile, writeProfile } from '../profile.ts';
import { openSession, outputOf } from '../session.ts';
import { say, type World } from '../world.ts';

const COLUMNS: Columns<Caller> = {
  PERSON: ({ subject }) => subject,
  SCOPE: ({ scope }) => scope,
  EXPIRES: ({ expires_at: at }) => at,
};

export function signInCommands(program: Command, world: World): void {
  program
    .command('login')
    .description('sign in with an API key, which is read from stdin or a file and checked before it is kept')
    .requiredOption('--url <address>', 'where the Reeve is')
    .option('--key-file <path>', 'the file with the key; without it: stdin')
    .addHelpText('after', '\nExamples:\n  $ reeve login --url https://reeve.example.com < first.key\n')
    .action(async (given: { url: string; keyFile?: string }, command: Command) => {
      const url = originOf(given.url);
      const key = (given.keyFile === undefined ? await readAll(world) : readOrEnd(given.keyFile)).trim();
      if (!/^[\x21-\x7e]+$/.test(key)) throw new Ended(EXIT.usage, 'expected one key on a line');
      const client = createClient({ url, token: key, fetch: world.fetch });
      const caller = await client.getCaller({ signal: world.ending });
      writeProfile(world.env, { url, key });
      say(world, `signed in at ${url}; the key is in ${profileFile(world.env)}`);
      outputOf(world, command).one(caller, COLUMNS);
    });

  program
    .command('logout')
    .description('forget the key; it works on until it is revoked (reeve keys revoke)')
    .action(() => removeProfile(world.env));

  program
    .command('whoami')
    .description('who the key speaks for, and what it allows')
    .action(async (_: object, command: Command) => {
      const { client, output, until } = openSession(world, command);
      output.one(await client.getCaller(until), COLUMNS);
    });

  program
    .command('console')
    .description('a link that signs you in at the console, once, within ten minutes; it is alone on stdout')
    .addOption(
      new Option('--scope <scope>', 'what it allows; without it: what your key does').choices([
        'read',
        'chat',
        'admin',
      ]),
    )
    .action(async (given: SignInLinkOrder, command: Command) => {
      const { client, output, until } = openSession(world, command);
      const link = await client.createSignInLink(given, until);
      if (output.format !== 'table') return output.line(link);
      output.text(`${link.url}\n`);
      say(world, `good once, until ${link.expires_at}`);
    });
}

/** All of stdin, where something is put into it. */
export async function readAll({ stdin }: World): Promise<string> {
  if (stdin.isTTY === true) throw new Ended(EXIT.usage, 'give it on stdin, as in: reeve ... < file');
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function readOrEnd(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Ended(EXIT.usage, `${file} cannot be read`);
  }
}
