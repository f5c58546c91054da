/** What happened in a town, and what happens. */
import { InvalidArgumentError, type Command } from 'commander';
import type { Event, StreamDelta, StreamEvent } from '../../client/index.ts';
import { aborted } from '../../scripts/ending.ts';
import { quoted } from '../../scripts/quoted.ts';
import { EXIT, Ended, endOf } from '../exit.ts';
import { openSession, townOf, type Session } from '../session.ts';
import { say, type World } from '../world.ts';

interface Asked {
  readonly after?: number;
  readonly follow?: boolean;
}

export function eventCommands(program: Command, world: World): void {
  program
    .command('events <town>')
    .description('what happened in a town, oldest first')
    .option('--after <seq>', 'after this event; 0 for all that are kept', seqOf)
    .option('-f, --follow', 'go on with what happens; without --after: with the next event')
    .addHelpText(
      'after',
      '\nExamples:\n  $ reeve events first-town -o jsonl --after 100\n  $ reeve events first-town -f\n',
    )
    .action(async (given: string, { after, follow }: Asked, command: Command) => {
      const session = openSession(world, command);
      const town = await townOf(session, given);
      if (follow === true) await followTown(session, town, after, false);
      else await listEvents(session, town, after ?? 0);
    });

  program
    .command('tail <town>')
    .description('what happens in a town, with the replies and the thoughts of its agents while they are written')
    .option('--after <seq>', 'after this event; 0 for all that are kept; without it: from the next one', seqOf)
    .action(async (given: string, { after }: Asked, command: Command) => {
      const session = openSession(world, command);
      await followTown(session, await townOf(session, given), after, true);
    });
}

async function listEvents({ client, output, until }: Session, town: string, after: number): Promise<void> {
  const all: Event[] = [];
  for (let seq = after; ;) {
    const { items, next } = await client.listEvents(town, { after: seq, limit: 200, ...until });
    if (output.format === 'table') for (const event of items) output.text(`${lineOf(event)}\n`);
    else if (output.format === 'jsonl') output.list(items, {});
    else all.push(...items);
    seq = items.at(-1)?.seq ?? seq;
    if (next === null) break;
  }
  if (output.format === 'json') output.list(all, {});
}

/** Until Ctrl-C, or until the town may not be read any more. */
async function followTown(session: Session, town: string, after: number | undefined, deltas: boolean): Promise<void> {
  const { client, output, world } = session;
  const over = Promise.withResolvers<unknown>();
  let problem: unknown = null;
  let said = '';
  const show = (event: StreamEvent | StreamDelta, line: string): void =>
    output.format === 'table' ? output.text(`${line}\n`) : output.line(event);
  const stream = client.follow(town, {
    ...(after === undefined ? {} : { after }),
    onEvent: (event) => show(event, lineOf(event)),
    ...(deltas ? { onDelta: (delta: StreamDelta) => show(delta, deltaLine(delta)) } : {}),
    onGap: ({ from, to }) =>
      say(world, to > from ? `events ${from + 1} to ${to} are no longer kept` : `the town is back at ${to}`),
    onError: (error) => (problem = error),
    onState: (state) => {
      const line = stateLine(state.name, problem);
      if (line !== said && line !== '') say(world, line);
      said = line === '' ? said : line;
      if (state.name === 'ended' && state.why === 'refused') over.resolve(problem);
    },
  });
  const refused = await Promise.race([over.promise, aborted(world.ending)]);
  stream.close();
  if (refused === undefined) throw new Ended(EXIT.interrupted);
  const { code, line } = endOf(refused);
  throw new Ended(code, line);
}

function stateLine(name: string, problem: unknown): string {
  if (name === 'live') return 'following';
  if (name !== 'waiting') return '';
  return problem === null ? 'not connected; trying again' : `${endOf(problem).line}; trying again`;
}

const lineOf = ({ seq, time, type, subject, data }: StreamEvent): string =>
  `${String(seq).padStart(7)}  ${time}  ${type}  ${subject}  ${quoted(data)}`;

const deltaLine = ({ agent, kind, text }: StreamDelta): string =>
  `${' '.repeat(7)}  ${agent}  ${kind === 'thought' ? 'thinks ' : ''}${quoted(text)}`;

function seqOf(given: string): number {
  if (!/^\d{1,15}$/.test(given)) throw new InvalidArgumentError('expected a number from 0.');
  return Number(given);
}
