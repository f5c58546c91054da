/** `npm run follow`: what happens in a town, on the terminal, as it happens. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { townIdSchema } from '#protocol';
import { StreamClient, type StreamClientOptions } from '../client/stream-client.ts';
import { ApiClient } from './api-client.ts';
import { aborted, endingSignal } from './ending.ts';
import { quoted } from './quoted.ts';
import { stateDirFrom } from './state-dir.ts';

const USAGE = `Usage: npm run follow -- <town> [--after <seq>]

Shows the events of a town of a Reeve that npm start runs, and the replies and thoughts of its agents while they are written.
Ends with Ctrl-C, or when the town may not be read any more (exit code 1).

  --after <seq>   begin after this event; 0 for all that are kept. Without it: with the next one
  --help          this text

The address is REEVE_URL, else http://127.0.0.1:PORT (8787); the token is read from auth-header in REEVE_STATE_DIR (.reeve).
`;

/** The operator has to change something first. */
const EXIT_OPERATOR = 2;

interface Order {
  readonly url: string;
  readonly token: string;
  readonly town: string;
  readonly after: number | null;
}

async function main(): Promise<number> {
  const ending = endingSignal();
  const order = orderFrom(process.argv.slice(2));
  if (typeof order === 'number') return order;
  const api = new ApiClient(order.url, order.token);
  const over = Promise.withResolvers<number>();
  const unreached = unreachedOnce(order.url);
  const client = new StreamClient({
    address: `${order.url}/v1/towns/${order.town}/stream`,
    ticket: () => unreached(api.ticket(order.town)),
    ...(order.after === null ? {} : { after: order.after }),
    ...terminal(() => over.resolve(1)),
  });
  const code = await Promise.race([over.promise, aborted(ending).then(() => 0)]);
  client.close();
  return code === 0 ? 0 : refuse(`${order.url} says that this town is not there, or not yours`, code);
}

/** Says where nothing was reached, and why: once, until the reason is another one. */
function unreachedOnce(url: string): <T>(asked: Promise<T>) => Promise<T> {
  let said = '';
  return async (asked) => {
    try {
      return await asked;
    } catch (thrown) {
      const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (reason !== said) process.stderr.write(`reeve: ${url} is not reached: ${quoted(reason)}\n`);
      said = reason;
      throw thrown;
    }
  };
}

/** One line for each thing that is shown; what an agent writes is quoted, so that it cannot draw on the terminal. */
function terminal(onOver: () => void): Omit<StreamClientOptions, 'address' | 'ticket'> {
  const line = (seq: number | string, what: string): void =>
    void process.stdout.write(`${String(seq).padStart(7)}  ${what}\n`);
  return {
    onEvent: ({ seq, time, type, subject, data }) => line(seq, `${time}  ${type}  ${subject}  ${quoted(data)}`),
    onDelta: ({ agent, kind, text }) => line('', `${agent}  ${kind === 'thought' ? 'thinks ' : ''}${quoted(text)}`),
    onGap: ({ from, to }) =>
      line('', to > from ? `events ${from + 1} to ${to} are no longer kept` : `the town is back at ${to}`),
    onState: ({ name }) => {
      if (name === 'live') process.stderr.write('following\n');
      if (name === 'waiting') process.stderr.write('not connected; trying again\n');
      if (name === 'ended') onOver();
    },
  };
}

/** What to follow; or an exit code, where that has been said. */
function orderFrom(args: string[]): Order | number {
  const parsed = parsedArgs(args);
  if (typeof parsed === 'string') return refuse(parsed);
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const [town = '', ...more] = positionals;
  if (!townIdSchema.safeParse(town).success || more.length > 0) return refuse('name one town, like town_…');
  const { after } = values;
  if (after !== undefined && !/^\d{1,15}$/.test(after)) return refuse('--after must be a number from 0');
  // An empty one counts as not given.
  const { PORT = '', REEVE_URL = '' } = process.env;
  const url = REEVE_URL === '' ? `http://127.0.0.1:${PORT === '' ? '8787' : PORT}` : REEVE_URL;
  if (!URL.canParse(url) || !/^https?:/.test(url)) {
    return refuse(
      REEVE_URL === ''
        ? 'PORT must be a port number'
        : 'REEVE_URL must be the address of a Reeve, e.g. http://127.0.0.1:8787',
    );
  }
  const token = tokenIn(stateDirFrom(process.env));
  if (token === null) return refuse('no token: auth-header is not in REEVE_STATE_DIR (.reeve); run npm start first');
  return { url: new URL(url).origin, token, town, after: after === undefined ? null : Number(after) };
}

function parsedArgs(args: string[]) {
  try {
    const options = { after: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
    return parseArgs({ args, options, allowPositionals: true });
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : 'these arguments cannot be read';
  }
}

/** From the file that `npm start` writes: a token is in no argument and no variable. */
function tokenIn(stateDir: string): string | null {
  try {
    return /^Authorization: Bearer (\S+)$/m.exec(readFileSync(join(stateDir, 'auth-header'), 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

function refuse(line: string, code = EXIT_OPERATOR): number {
  process.stderr.write(`reeve: ${line}\n`);
  return code;
}

process.exitCode = await main();
// A request under way must not keep the terminal.
process.exit();
