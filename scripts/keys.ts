/** `npm run keys`: makes and edits the private JWK Set that `SIGNING_KEYS` holds, and makes API keys. */
import { randomBytes } from 'node:crypto';
import { readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { API_USAGE, makeApiKey, type ApiKeyIo } from './api-key.ts';
import { endingSignal } from './ending.ts';
import { runWrangler } from './run-wrangler.ts';
import { activated, newKey, newKeySet, pruned, rotated, tainted, type KeyEditRefusal } from '../src/tokens/key-edit.ts';
import { privateKeySetSchema, type PrivateKeySet } from '../src/tokens/key-set.ts';

const USAGE = `Usage: npm run keys -- <command> --file PATH
       npm run --silent keys -- <command> > PATH

  new           a fresh set with one active key
  rotate        add a next key: it is published, and signs once it is activated
  activate      the next key signs from now on; the old one only verifies
  taint <kid>   accept nothing more that this key signed; if it was the active one, the next or a fresh key takes over
  prune         forget the keys that sign no more; wait TOKEN_TTL_SECONDS after activate, or their tokens end early

  --file PATH   read and replace this file (0600); without it a set is read from stdin and written to stdout
  --force       let new replace a file
  --help        this text

${API_USAGE}
A set is one line of JSON, as SIGNING_KEYS takes it. A rotation is: rotate, deploy, wait 10 minutes, activate, deploy.
`;

/** The operator has to change something first. */
const EXIT_OPERATOR = 2;
/** An RFC 7638 thumbprint. */
const KID = /^[A-Za-z0-9_-]{43}$/;
/** Only its owner may read a private key. */
const PRIVATE_MODE = 0o600;

/** What the command reads and writes; tests pass their own. */
export interface KeysIo {
  readonly stdin: AsyncIterable<string | Uint8Array> & { readonly isTTY?: boolean };
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
  /** npm prints lines of its own to the same stdout, before this command begins. */
  readonly npmPrints: boolean;
  readonly now: () => number;
  readonly wrangler: ApiKeyIo['wrangler'];
}

/** What the operator has to correct, in one line. Never holds any part of a key. */
class Refused extends Error {}

const REFUSALS: Readonly<Record<KeyEditRefusal, string>> = {
  next_exists: 'the set has a next key already; activate it first',
  no_next: 'the set has no next key; rotate first',
  unknown_kid: 'the set has no key with this kid',
  full: 'the set is full; prune it first',
};

/** Runs one command and returns the exit code: 0, or 2 with one line on stderr and nothing written. */
export async function main(argv: readonly string[], io: KeysIo): Promise<number> {
  const [first, ...rest] = argv;
  if (first === 'api' && !rest.includes('--help') && !rest.includes('-h')) return makeApiKey(rest, io);
  try {
    await run(argv, io);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
    io.stderr.write(`keys: ${thrown.message}\n`);
    return EXIT_OPERATOR;
  }
}

async function run(argv: readonly string[], io: KeysIo): Promise<void> {
  const { command, kid, file, force, help } = readArguments(argv);
  if (help) {
    io.stdout.write(USAGE);
    return;
  }
  if (file === undefined && io.npmPrints && io.stdout.isTTY !== true) {
    throw new Refused('npm prints lines of its own there: use --file PATH, or npm run --silent keys -- …');
  }
  if (command === 'new') {
    const set = await newKeySet();
    if (file === undefined) io.stdout.write(textOf(set));
    else if (force) await replaceFile(file, set);
    else await createFile(file, set);
    explain(set, io);
    return;
  }
  const before = parseSet(file === undefined ? await readAll(io.stdin) : await readOrRefuse(file), file ?? 'stdin');
  const after = await edit(before, command, kid);
  if (file === undefined) io.stdout.write(textOf(after));
  else await replaceFile(file, after);
  explain(after, io);
}

const COMMANDS = ['new', 'rotate', 'activate', 'taint', 'prune'] as const;
type Command = (typeof COMMANDS)[number];

interface Arguments {
  readonly command: Command;
  /** Empty but for `taint`. */
  readonly kid: string;
  readonly file: string | undefined;
  readonly force: boolean;
  readonly help: boolean;
}

function readArguments(argv: readonly string[]): Arguments {
  // A kid is taken out first: one in 64 begins with a dash and would be read as an option.
  const kidAt = argv.findIndex((argument, at) => KID.test(argument) && argv[at - 1] !== '--file');
  const { values, positionals } = parseOrRefuse(kidAt === -1 ? argv : argv.toSpliced(kidAt, 1));
  const { file, force = false, help = false } = values;
  const [given = '', ...others] = positionals;
  const [kid = '', ...more] = kidAt === -1 ? others : [argv[kidAt], ...others];
  const command = COMMANDS.find((known) => known === given);
  if (help) return { command: 'new', kid: '', file, force, help };
  if (command === undefined) throw new Refused(`expected one of ${COMMANDS.join(', ')}, api; see --help`);
  if (more.length > 0 || (kid === '') === (command === 'taint')) {
    throw new Refused(command === 'taint' ? 'taint takes one kid' : `${command} takes no argument`);
  }
  if (force && command !== 'new') throw new Refused('--force is for new only');
  return { command, kid, file, force, help };
}

function parseOrRefuse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        file: { type: 'string' },
        force: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (thrown) {
    throw new Refused(thrown instanceof Error ? firstLine(thrown.message) : 'see --help');
  }
}

async function edit(set: PrivateKeySet, command: Exclude<Command, 'new'>, kid: string): Promise<PrivateKeySet> {
  if (command === 'prune') return pruned(set);
  const edited =
    command === 'rotate'
      ? rotated(set, await newKey('next'))
      : command === 'activate'
        ? activated(set)
        : tainted(set, kid, await newKey('active'));
  if (!edited.ok) throw new Refused(REFUSALS[edited.error]);
  return edited.value;
}

/** The set in `text`, or a refusal that names the rule and never quotes the text. */
function parseSet(text: string, source: string): PrivateKeySet {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Refused(`${source} holds no JSON`);
  }
  const parsed = privateKeySetSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')} `;
  throw new Refused(`${source} holds no private JWK Set: ${path}${issue?.message ?? ''}`);
}

async function readAll(stdin: KeysIo['stdin']): Promise<string> {
  if (stdin.isTTY === true) throw new Refused('name a file with --file, or give a set on stdin');
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function readOrRefuse(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    throw fileRefusal(file, thrown);
  }
}

/** The file appears as a whole or not at all, and a link stays a link: what it points to is replaced. */
async function replaceFile(file: string, set: PrivateKeySet): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const next = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(next, textOf(set), { mode: PRIVATE_MODE, flag: 'wx', flush: true });
    await rename(next, target);
  } catch (thrown) {
    await rm(next, { force: true });
    throw fileRefusal(file, thrown);
  }
}

async function createFile(file: string, set: PrivateKeySet): Promise<void> {
  try {
    await writeFile(file, textOf(set), { mode: PRIVATE_MODE, flag: 'wx', flush: true });
  } catch (thrown) {
    throw fileRefusal(file, thrown);
  }
}

function fileRefusal(file: string, thrown: unknown): Refused {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  if (code === 'EEXIST') return new Refused(`${file} exists; --force replaces it, and ends every token that it signed`);
  return new Refused(code === 'ENOENT' ? `${file} does not exist` : `${file} cannot be used (${code})`);
}

const textOf = (set: PrivateKeySet): string => `${JSON.stringify(set)}\n`;

const firstLine = (text: string): string => text.split('\n')[0] ?? '';

/** What the set holds now, by kid and state: never a private part. */
function explain(set: PrivateKeySet, io: KeysIo): void {
  for (const { kid, reeve_state: state } of set.keys) io.stderr.write(`${state.padEnd(8)}${kid}\n`);
}

if (import.meta.main) {
  const { stdin, stdout, stderr, env } = process;
  const now = (): number => Date.now();
  const npmPrints = env['npm_lifecycle_event'] === 'keys' && env['npm_config_loglevel'] !== 'silent';
  process.exitCode = await main(process.argv.slice(2), {
    stdin,
    stdout,
    stderr,
    npmPrints,
    now,
    // Its own words go where they mix with no key.
    wrangler: (args) => runWrangler(args, ['ignore', 2, 2], endingSignal()),
  });
}
