/** Where a town posts its events to. */
import type { Command } from 'commander';
import type { Webhook, WebhookChange, WebhookTest, WebhookWithSecret } from '../../client/index.ts';
import { EXIT, Ended } from '../exit.ts';
import type { Columns } from '../output.ts';
import { confirm, openSession, townOf, type Session } from '../session.ts';
import { say, type World } from '../world.ts';

const WEBHOOK: Columns<Webhook> = {
  ID: ({ id }) => id,
  URL: ({ url }) => url,
  EVENTS: ({ events }) => events.join(', '),
  ENABLED: ({ enabled, disabled }) => (disabled === null ? String(enabled) : `false: ${disabled.why}`),
  POSTED: ({ posted_seq: seq }) => seq,
  'FAILING SINCE': ({ failing_since: at }) => at,
  'LAST ERROR': ({ last_error: error }) => error,
  'NEXT TRY': ({ next_try_at: at }) => at,
  DESCRIPTION: ({ description }) => description,
};
const TESTED: Columns<WebhookTest> = { TAKEN: ({ taken }) => String(taken), ERROR: ({ error }) => error };

/** What is changed by a word. */
const SWITCHES = {
  enable: ['go on where it stopped', true],
  disable: ['post nothing until it is enabled', false],
} as const;

interface Order {
  readonly events: string[];
  readonly description?: string;
}

export function webhookCommands(program: Command, world: World): void {
  const webhooks = program
    .command('webhooks')
    .description('webhooks of a town: list, create, get, change, enable, disable, test, rotate, delete');

  webhooks
    .command('list <town>')
    .description('where a town posts its events to, and how that fares')
    .action(async (given: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const { items } = await session.client.listWebhooks(await townOf(session, given), session.until);
      session.output.list(items, WEBHOOK);
    });

  webhooks
    .command('create <town> <url>')
    .description('post events to an address; the secret is printed this once, and nothing else on stdout')
    .requiredOption('--events <types...>', 'types, or how types begin, with .* behind')
    .option('--description <text>', 'for people who read the list')
    .addHelpText('after', `\nExamples:\n  $ (umask 077; ${CREATE} > hook.secret)\n`)
    .action(async (given: string, url: string, order: Order, command: Command) => {
      const session = openSession(world, command);
      const made = await session.client.createWebhook(await townOf(session, given), { url, ...order }, session.until);
      showSecret(session, made, 'what happens from here on is posted');
    });

  webhooks
    .command('get <town> <webhook>')
    .description('a webhook, and how it fares')
    .action(async (given: string, webhook: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      session.output.one(await session.client.getWebhook(town, webhook, session.until), WEBHOOK);
    });
  changeCommands(webhooks, world);
  secretCommands(webhooks, world);

  webhooks
    .command('delete <town> <webhook>')
    .description('post nothing more there, for good')
    .option('--yes', 'ask nothing')
    .action(async (given: string, webhook: string, { yes }: { yes?: boolean }, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      await confirm(session, `delete ${webhook} for good`, yes);
      session.output.one(await session.client.deleteWebhook(town, webhook, session.until), WEBHOOK);
    });
}

const CREATE = "reeve webhooks create first-town https://hooks.example.com/reeve --events 'reeve.turn.*'";

function changeCommands(webhooks: Command, world: World): void {
  const change = async (given: string, webhook: string, to: WebhookChange, command: Command): Promise<void> => {
    const session = openSession(world, command);
    const town = await townOf(session, given);
    session.output.one(await session.client.updateWebhook(town, webhook, to, session.until), WEBHOOK);
  };

  webhooks
    .command('change <town> <webhook>')
    .description('another address, other events or another description; what is left out stays')
    .option('--url <url>', 'where it posts to')
    .option('--events <types...>', 'all that it posts')
    .option('--description <text>', 'for people who read the list')
    .action(async (given: string, webhook: string, to: WebhookChange, command: Command) => {
      if (Object.keys(to).length === 0) throw new Ended(EXIT.usage, 'say --url, --events or --description');
      await change(given, webhook, to, command);
    });

  for (const [verb, [description, enabled]] of Object.entries(SWITCHES)) {
    webhooks
      .command(`${verb} <town> <webhook>`)
      .description(description)
      .action((given: string, webhook: string, _: object, command: Command) =>
        change(given, webhook, { enabled }, command),
      );
  }
}

function secretCommands(webhooks: Command, world: World): void {
  webhooks
    .command('test <town> <webhook>')
    .description('post an event for trial, and say what came of it; 1 where it was not taken')
    .action(async (given: string, webhook: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const tested = await session.client.testWebhook(await townOf(session, given), webhook, session.until);
      session.output.one(tested, TESTED);
      if (!tested.taken) throw new Ended(EXIT.failed);
    });

  webhooks
    .command('rotate <town> <webhook>')
    .description('another secret, printed this once, and nothing else on stdout; for a day both sign')
    .action(async (given: string, webhook: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const made = await session.client.rotateWebhookSecret(await townOf(session, given), webhook, session.until);
      showSecret(session, made, `the secret before it signs too until ${made.previous_secret_until}`);
    });
}

/** The secret alone on stdout, where it goes into a file; the word about it for the person. */
function showSecret({ world, output }: Session, made: WebhookWithSecret, word: string): void {
  if (output.format !== 'table') return output.line(made);
  output.text(`${made.secret}\n`);
  say(world, `${made.id}: ${word}; its secret is shown this once`);
}
