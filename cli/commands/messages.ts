/** Messages to agents: send one and see its answer, list them, wait for one. */
import { InvalidArgumentError, type Command } from 'commander';
import { Unreachable, type Agent, type Message } from '../../client/index.ts';
import { EXIT, Ended } from '../exit.ts';
import type { Columns } from '../output.ts';
import { all, openSession, townOf } from '../session.ts';
import { watchTurn } from '../watch-turn.ts';
import type { World } from '../world.ts';
import { AGENT } from './agents.ts';
import { readAll } from './sign-in.ts';

const MESSAGE: Columns<Message> = {
  ID: ({ id }) => id,
  SEQ: ({ seq }) => seq,
  STATE: ({ state }) => state,
  CREATED: ({ created_at: at }) => at,
  CONTENT: ({ content }) => short(content),
  REPLY: ({ reply, error }) => short(reply ?? error ?? ''),
};
/** Where it stands alone. */
const WHOLE: Columns<Message> = {
  ...MESSAGE,
  CONTENT: ({ content }) => content,
  REPLY: ({ reply, error }) => reply ?? error,
};
/** What a table shows of a text, in UTF-16 code units. */
const SHORT = 40;
const OVER: readonly Message['state'][] = ['done', 'failed', 'cancelled'];
/** Between two looks at an agent (ms). */
const PACE_MS = 1000;

interface Sending {
  readonly key?: string;
  readonly wait: boolean;
}

export function messageCommands(program: Command, world: World): void {
  program
    .command('send <town> <agent> [text...]')
    .description('send a message and see its answer as it is written; the text comes from stdin where it is not said')
    .option('--key <key>', 'the same key is the same message, however often it is sent')
    .option('--no-wait', 'print the message as it is accepted, and do not wait for its turn')
    .addHelpText(
      'after',
      '\nExamples:\n  $ reeve send first-town ada good morning\n  $ reeve send first-town ada < task.md\n',
    )
    .action(async (given: string, agent: string, words: string[], options: Sending, command: Command) => {
      const session = openSession(world, command);
      const content = words.length > 0 ? words.join(' ') : await readAll(world);
      const town = await townOf(session, given);
      const send = () => session.client.sendMessage(town, agent, content, { key: options.key, ...session.until });
      if (!options.wait) return session.output.one(await send(), WHOLE);
      const message = await watchTurn(session, town, agent, send);
      if (message.state !== 'done') throw new Ended(EXIT.failed, `${message.state}: ${message.error ?? 'no reason'}`);
    });

  const messages = program.command('messages').description('messages to an agent: list, get, cancel');

  messages
    .command('list <town> <agent>')
    .description('in order')
    .action(async (given: string, agent: string, _: object, command: Command) => {
      const session = openSession(world, command);
      const { client, output, until } = session;
      const town = await townOf(session, given);
      const items = await all((cursor) => client.listMessages(town, agent, { cursor, ...until }));
      output.list(items, MESSAGE);
    });

  for (const [verb, description, method] of [
    ['get', 'a message, its state and its reply', 'getMessage'],
    ['cancel', 'cancel a message that is still queued', 'cancelMessage'],
  ] as const) {
    messages
      .command(`${verb} <town> <agent> <message>`)
      .description(description)
      .action(async (given: string, agent: string, message: string, _: object, command: Command) => {
        const session = openSession(world, command);
        const town = await townOf(session, given);
        session.output.one(await session.client[method](town, agent, message, session.until), WHOLE);
      });
  }
  waitCommand(program, world);
}

interface Waiting {
  readonly for: string;
  readonly timeout: number;
}

function waitCommand(program: Command, world: World): void {
  program
    .command('wait <town> <agent> [message]')
    .description(
      'wait until a message, or else the agent, is in a state; 6 where it is not in time, 1 where it never will be',
    )
    .requiredOption('--for <state>', 'like done for a message, idle for an agent')
    .option('--timeout <seconds>', 'how long', secondsOf, 600)
    .action(async (given: string, agent: string, message: string | undefined, asked: Waiting, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      const { client, output } = session;
      if (message === undefined) {
        output.one(await reached(world, asked, (until) => client.getAgent(town, agent, until)), AGENT);
      } else output.one(await reached(world, asked, (until) => client.getMessage(town, agent, message, until)), WHOLE);
    });
}

/** The thing, once it is in the state. */
async function reached<T extends Agent | Message>(
  world: World,
  asked: Waiting,
  look: (until: { signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const late = world.timeout(asked.timeout * 1000);
  const signal = AbortSignal.any([late, world.ending]);
  try {
    for (;;) {
      const found = await look({ signal });
      if (found.state === asked.for) return found;
      if (OVER.some((state) => state === found.state) || found.state === 'retired') {
        throw new Ended(EXIT.failed, `it is ${found.state}, and stays so`);
      }
      await world.sleep(PACE_MS, signal);
    }
  } catch (thrown) {
    if (!late.aborted || thrown instanceof Ended || thrown instanceof Unreachable) throw thrown;
    throw new Ended(EXIT.timeout, `it is not ${asked.for} within ${asked.timeout} s`);
  }
}

const short = (text: string): string => (text.length > SHORT ? `${text.slice(0, SHORT - 1)}…` : text);

function secondsOf(given: string): number {
  if (!/^\d{1,6}$/.test(given)) throw new InvalidArgumentError('expected a number of seconds.');
  return Number(given);
}
