import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSessionSchema } from '#protocol';
import { workerVariables, type Variables } from '../../scripts/dev-settings.ts';
import { startStack, type Stack } from '../../scripts/dev-stack.ts';
import { Guard } from '../../scripts/guard.ts';
import { freePort } from '../../scripts/ports.ts';
import { privateKeySetSchema } from '../../src/tokens/key-set.ts';
import { findSecrets, type Finding, type Known } from '../support/secret-scan.ts';
import { provoke, type Provoked } from './support/provoke.ts';
import { filesIn, modeOf, readEverything, type Text } from './support/read-everything.ts';
import { watchDescendants, type Seen } from './support/watch.ts';
import { Wiretap } from './support/wiretap.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Two sweeps and a crash, with room for a machine that does other things too. */
const RUN_MS = 240_000;
const settings = { REFRESH_INTERVAL_SECONDS: '3', TOKEN_TTL_SECONDS: '10', HEARTBEAT_SECONDS: '1' };

const stateDir = mkdtempSync(join(tmpdir(), 'reeve-scan-'));
const home = process.env['HOME'];
let variables: Variables;
let provoked: Provoked;
let seen: Seen;
let known: Known;
let tap: Wiretap;
/** What wrangler keeps in the repository while it runs. */
let bundles: readonly Text[];

beforeAll(async () => {
  // wrangler keeps logs of its own there.
  process.env['HOME'] = join(stateDir, 'home');
  const [worker, container, tapped] = [await freePort(), await freePort(), await freePort()];
  const platform = { ...settings, CONTAINER_URL: `http://127.0.0.1:${tapped}` };
  variables = await workerVariables(stateDir, platform, { worker, containers: [container] });
  tap = await Wiretap.open(tapped, container);
  const watch = watchDescendants(stateDir);
  let stack: Stack | null = null;
  try {
    const options = { stateDir, workerPort: worker, controlPorts: [container], variables, guard: new Guard() };
    stack = await startStack(options);
    provoked = await provoke({ stack, variables, tap, containerPort: container });
    bundles = readEverything(join(ROOT, '.wrangler'));
  } finally {
    await stack?.stop();
    seen = watch.stop();
    tap.close();
  }
  known = everySecret();
}, RUN_MS);

afterAll(() => {
  if (home === undefined) delete process.env['HOME'];
  else process.env['HOME'] = home;
  rmSync(stateDir, { recursive: true, force: true });
});

/** What was made before the run, what crossed during it, and what the callers made and saw. */
function everySecret(): Known {
  const { keys } = privateKeySetSchema.parse(JSON.parse(variables['SIGNING_KEYS'] ?? ''));
  const secrets: Record<string, string> = { ...provoked.secrets };
  for (const { kid, d } of keys) secrets[`the private part of ${kid}`] = d;
  for (const [at, { path, authorization, body }] of tap.crossed.entries()) {
    if (authorization !== '') secrets[`push token ${at} for ${path}`] = authorization.slice('Bearer '.length);
    for (const [index, token] of tokensIn(body).entries()) secrets[`token ${index} in push ${at} to ${path}`] = token;
    if (path === '/session') secrets[`session secret ${at}`] = openSessionSchema.parse(JSON.parse(body)).secret;
  }
  return secrets;
}

function tokensIn(body: string): string[] {
  const sent = JSON.parse(body === '' ? '{}' : body) as { grant?: { token: string }; grants?: { token: string }[] };
  return [sent.grant, ...(sent.grants ?? [])].flatMap((issued) => (issued === undefined ? [] : [issued.token]));
}

const scan = (texts: readonly { readonly where: string; readonly text: string }[]): Finding[] =>
  texts.flatMap(({ where, text }) => findSecrets(where, text, known));

/** The files that are there to hold secrets. */
const HOLDERS = ['dev.env', 'worker.env'];
const others = (): string[] =>
  filesIn(stateDir).filter((file) => !HOLDERS.some((name) => file === join(stateDir, name)));

describe('the scan', () => {
  const token = (): string => Object.entries(known).find(([what]) => what === 'an older token of an agent')?.[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'reeve-planted-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ['as it is', (text: string) => text],
    ['cut off after its header', (text: string) => text.slice(0, 60)],
    ['cut off before its signature', (text: string) => text.split('.')[2] ?? ''],
    ['in a line of JSON', (text: string) => JSON.stringify({ level: 'error', detail: `Bearer ${text}` })],
    ['in two bytes a character', (text: string) => Buffer.from(text, 'utf16le').toString('latin1')],
  ])('finds a token that was planted in a copy of the log %s', (_, plant) => {
    const log = join(folder, 'worker.log');
    copyFileSync(join(stateDir, 'logs/worker.log'), log);
    expect(scan(readEverything(folder, [log]))).toEqual([]);
    writeFileSync(log, `${readFileSync(log, 'latin1')}${plant(token())}\n`, 'latin1');
    expect(scan(readEverything(folder, [log]))).not.toEqual([]);
  });

  it('finds a token that was planted in a copy of a database, where pages or the write-ahead log show only parts of it', () => {
    const file = join(folder, 'planted.sqlite');
    const database = new DatabaseSync(file);
    database.exec('PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT) STRICT');
    database.prepare('INSERT INTO notes VALUES (?)').run(`${'x '.repeat(1990)}${token()}${' y'.repeat(5000)}`);
    const found = scan(
      readEverything(
        folder,
        filesIn(folder).filter((name) => name.includes('planted')),
      ),
    );
    database.close();
    expect(found.map(({ where }) => where)).toContain('planted.sqlite: notes');
  });

  it.each([
    ['a secret under that name', '{"secret":"' + 'Ab1_'.repeat(10) + 'xyz"}'],
    ['the private part of a key', '{"kty":"EC","d":"' + 'Ab1_'.repeat(10) + 'xyz"}'],
    ['a token of any issuer', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.signature'],
  ])('finds %s, though it never saw it', (_, text) => {
    expect(findSecrets('a text', text, {})).not.toEqual([]);
  });

  it('finds nothing in what may be shown: ids, thumbprints, digests, jtis', () => {
    const kid = privateKeySetSchema.parse(JSON.parse(variables['SIGNING_KEYS'] ?? '')).keys[0]?.kid ?? '';
    const text = `{"kid":"${kid}","bsha":"${'Ab1_'.repeat(10)}xyz","secret_digest":"${kid}","agent":"agt_0123456789abcdefghjk"}`;
    expect(scan([{ where: 'a text', text }])).toEqual([]);
  });
});

describe('a whole run', () => {
  it('went everywhere: good answers and bad ones, sessions, sweeps, and every kind of refusal', () => {
    expect(Object.keys(provoked.statuses).toSorted()).toEqual(
      expect.arrayContaining([
        'container 400',
        'container 401',
        'container 409',
        'container 413',
        'town 200',
        'town 400',
        'town 401',
        'town 404',
        'town 413',
      ]),
    );
    expect(Object.keys(provoked.statuses).filter((status) => / 5/.test(status))).toEqual([]);
    expect(tap.crossed.filter(({ path }) => path === '/session').length).toBeGreaterThan(2);
    expect(Object.keys(known).length).toBeGreaterThan(60);
  });

  it('S-23: no log and no database page of it holds a token or a secret', () => {
    const texts = readEverything(stateDir, others());
    const names = texts.map(({ where }) => where).join('\n');
    for (const part of [
      'logs/worker.log',
      'logs/container.log',
      '.wrangler/logs/',
      '.sqlite-wal',
      'Town',
      'AgentContainer',
    ]) {
      expect(names).toContain(part);
    }
    for (const table of ['agent_tokens', 'events', 'messages', 'session', 'towns'])
      expect(names).toContain(`.sqlite: ${table}`);
    expect(texts.find(({ where }) => where.endsWith('worker.log'))?.text).toContain('agent.call_refused');
    expect(scan(texts)).toEqual([]);
  });

  it('W-22: no answer holds one, to people, agents, containers or strangers, and no event; but for the pull, which must not be cached', () => {
    expect(provoked.answers.length).toBeGreaterThan(200);
    expect(provoked.answers.some(({ text }) => text.includes('reeve.token.issued'))).toBe(true);
    expect(scan(provoked.answers)).toEqual([]);
    expect(scan(tap.answers.map((text, at) => ({ where: `answer ${at} of the control server`, text })))).toEqual([]);
    expect(provoked.pulls).toEqual([{ status: 200, cacheControl: 'no-store' }]);
  });

  it.runIf(process.platform === 'linux')(
    'T6: no argument of any process holds one, and no file that a process wrote elsewhere',
    () => {
      const lines = [...seen.commandLines];
      for (const program of ['wrangler', 'workerd', 'container/main.ts']) {
        expect(
          lines.some((line) => line.includes(program)),
          program,
        ).toBe(true);
      }
      expect(scan(lines.map((text) => ({ where: text.slice(0, 80), text })))).toEqual([]);
      expect(scan([...seen.written].map(([where, text]) => ({ where, text })))).toEqual([]);
      expect(scan(bundles)).toEqual([]);
    },
  );

  it('T6: what holds them on purpose are two files that only their owner can read', () => {
    for (const name of HOLDERS) {
      const file = join(stateDir, name);
      expect([name, modeOf(file)]).toEqual([name, '600']);
      expect(findSecrets(name, readFileSync(file, 'utf8'), known)).not.toEqual([]);
    }
    expect(modeOf(stateDir)).toBe('700');
    for (const file of filesIn(join(stateDir, 'logs'))) expect([file, modeOf(file)]).toEqual([file, '600']);
  });
});

describe('npm start', () => {
  it('T6: leaves its secrets in three files that only their owner can read, and prints none but a link that is good once, which is in no file', async () => {
    const folder = join(stateDir, 'started');
    const env = {
      ...process.env,
      REEVE_STATE_DIR: folder,
      PORT: String(await freePort()),
      CONTAINER_PORT: String(await freePort()),
    };
    const child = spawn('npm', ['start'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let printed = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const ended = once(child, 'close');
    await expect.poll(() => printed, { timeout: 90_000 }).toMatch(/\nconsole: .*\n/);
    child.kill('SIGTERM');
    await ended;
    const made = parseEnv(readFileSync(join(folder, 'dev.env'), 'utf8'));
    const secrets = { person: made['REEVE_DEV_TOKEN'] ?? '', container: made['CONTAINER_SECRET'] ?? '' };
    const holders = filesIn(folder).filter(
      (file) => findSecrets(file, readFileSync(file, 'latin1'), secrets).length > 0,
    );
    expect(holders.map((file) => `${basename(file)} ${modeOf(file)}`).toSorted()).toEqual([
      'auth-header 600',
      'dev.env 600',
      'worker.env 600',
    ]);
    expect(findSecrets('the terminal', printed, secrets)).toEqual([]);
    const link = { code: /#sign-in=(\S+)/.exec(printed)?.[1] ?? '' };
    expect(
      readEverything(folder)
        .flatMap(({ where, text }) => findSecrets(where, text, link))
        .filter(({ what }) => what === 'code'),
    ).toEqual([]);
  });
});
