import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text as allOf } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfigFile, worldUntil, type Project } from '../../scripts/deploy-world.ts';
import { main } from '../../scripts/deploy.ts';
import { CONTAINER_SECRET, bindings, loopbackBindings, type Bindings } from '../support/bindings.ts';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '../..');
const SCRIPT = join(ROOT, 'scripts/deploy.ts');
const PROJECT: Project = { vars: {}, databaseName: null };
const NAMED: Project = { vars: {}, databaseName: 'reeve-directory' };
const ENV = textOf(bindings());

function textOf(given: Bindings): Record<string, string> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, String(value)]));
}

/** One run of wrangler, as it was seen from inside it. */
interface Run {
  readonly args: readonly string[];
  readonly secretsFile: string | undefined;
  readonly secrets: unknown;
  readonly mode: number | undefined;
}

let runs: Run[];
let out: { stdout: string; stderr: string };
let directory: string;

beforeEach(async () => {
  runs = [];
  directory = await mkdtemp(join(tmpdir(), 'reeve-test-'));
});
afterEach(() => rm(directory, { recursive: true }));

interface World {
  readonly env?: Record<string, string | undefined>;
  readonly project?: Project;
  /** The exit code of each run of wrangler; an error breaks the run. */
  readonly codes?: readonly (number | Error)[];
}

let bundled = 0;
let asked: string[] = [];
/** What the deployment answers when it is asked. */
let health: number | null = 200;

async function deploy(argv: readonly string[], { env = ENV, project = PROJECT, codes = [] }: World = {}) {
  out = { stdout: '', stderr: '' };
  bundled = 0;
  asked = [];
  let nth = 0;
  return main(argv, {
    env,
    stdout: { write: (text) => (out.stdout += text) },
    stderr: { write: (text) => (out.stderr += text) },
    project: async (environment) => (environment === 'unheard-of' ? null : project),
    bundle: async () => void (bundled += 1),
    get: async (url) => {
      asked.push(url);
      return health;
    },
    wrangler: async (args) => {
      const at = args.indexOf('--secrets-file');
      const secretsFile = at === -1 ? undefined : args[at + 1];
      runs.push({
        args,
        secretsFile,
        secrets: secretsFile === undefined ? undefined : JSON.parse(readFileSync(secretsFile, 'utf8')),
        mode: secretsFile === undefined ? undefined : statSync(secretsFile).mode & 0o777,
      });
      const code = codes[nth] ?? 0;
      nth += 1;
      if (code instanceof Error) throw code;
      return code;
    },
  });
}

const upload = (): Run | undefined => runs.find(({ args }) => args[0] === 'deploy');
const secretsLeft = () =>
  runs.filter(({ secretsFile }) => secretsFile !== undefined && existsSync(dirname(secretsFile)));

describe('npm run deploy', () => {
  test('applies the migrations of the directory, then deploys', async () => {
    expect(await deploy([])).toBe(0);
    expect(runs.map(({ args }) => args.slice(0, 7))).toEqual([
      ['d1', 'migrations', 'apply', 'DIRECTORY', '--remote', '--env', ''],
      ['deploy', '--containers-rollout=none', '--env', '', '--var', 'PUBLIC_URL:https://reeve.example.com', '--var'],
    ]);
    expect(out.stdout.split('\n')[0]).toBe('reeve deployed: https://reeve.example.com');
    expect(out.stderr).toBe('');
  });

  test('makes the database of the directory where none has its name, before anything else is changed', async () => {
    const steps = () => runs.map(({ args }) => args.slice(0, 3).join(' '));
    expect(await deploy([], { project: NAMED })).toBe(0);
    expect(steps().slice(0, 2)).toEqual(['d1 info reeve-directory', 'd1 migrations apply']);
    runs = [];
    expect(await deploy([], { project: NAMED, codes: [1] })).toBe(0);
    expect(steps().slice(0, 3)).toEqual([
      'd1 info reeve-directory',
      'd1 create reeve-directory',
      'd1 migrations apply',
    ]);
    runs = [];
    expect(await deploy([], { project: NAMED, codes: [1, 6] })).toBe(6);
    expect(runs).toHaveLength(2);
  });

  test('goes to the environment that is named, with all that it does, and to none that is not there', async () => {
    expect(await deploy(['--env', 'staging'])).toBe(0);
    for (const { args } of runs) expect(args.join(' ')).toContain(' --env staging');
    runs = [];
    expect(await deploy(['--env', 'unheard-of'])).toBe(2);
    expect(out.stderr).toBe('deploy: wrangler.toml has no environment unheard-of\n');
    expect(runs).toEqual([]);
  });

  test('without CONTAINER_URL bundles the image, and leaves its containers to wrangler', async () => {
    const { CONTAINER_URL: _, ...env } = ENV;
    expect(await deploy([], { env })).toBe(0);
    expect(bundled).toBe(1);
    expect(upload()?.args).not.toContain('--containers-rollout=none');
  });

  test('asks the deployment whether it is healthy, and says what to do where it is not', async () => {
    await deploy([]);
    expect(asked).toEqual(['https://reeve.example.com/healthz']);
    expect(bundled).toBe(0);
    health = null;
    expect(await deploy([])).toBe(0);
    health = 200;
    expect(out.stdout).toContain('It does not answer there yet (no answer): ask /healthz again');
  });

  test('says how the first person gets in, where neither OIDC nor Access lets a person in', async () => {
    await deploy([]);
    expect(out.stdout).toMatch(/\nPeople sign in with API keys only .*npm run keys -- api --name first\n$/);
    await deploy([], { env: { ...ENV, OIDC_ISSUER: 'https://login.example.com', OIDC_AUDIENCE: 'reeve' } });
    expect(out.stdout).toBe('reeve deployed: https://reeve.example.com\n');
  });

  test('hands secrets over in a file for their owner only, that is gone afterwards, and never as arguments', async () => {
    await deploy([], { env: { ...ENV, TOKEN_TTL_SECONDS: '14400' } });
    expect(upload()?.secrets).toEqual({ SIGNING_KEYS: ENV['SIGNING_KEYS'], CONTAINER_SECRET });
    expect(upload()?.mode).toBe(0o600);
    expect(upload()?.args).toContain('TOKEN_TTL_SECONDS:14400');
    const args = runs.flatMap((run) => run.args).join(' ');
    expect(args).not.toContain(CONTAINER_SECRET);
    expect(args).not.toContain('"d"');
    expect(secretsLeft()).toEqual([]);
  });

  test('removes the secrets also where wrangler fails or breaks, and ends with its code', async () => {
    expect(await deploy([], { codes: [0, 7] })).toBe(7);
    expect(secretsLeft()).toEqual([]);
    await expect(deploy([], { codes: [0, new Error('cannot be run')] })).rejects.toThrow('cannot be run');
    expect(secretsLeft()).toEqual([]);
    expect(out.stdout).toBe('');
  });

  test('deploys nothing where a migration failed', async () => {
    expect(await deploy([], { codes: [3] })).toBe(3);
    expect(upload()).toBeUndefined();
  });

  test('sends the key set without white space, so that sixteen keys fit into a secret', async () => {
    const pretty = JSON.stringify(JSON.parse(ENV['SIGNING_KEYS'] ?? ''), null, 2);
    await deploy([], { env: { ...ENV, SIGNING_KEYS: pretty } });
    expect(upload()?.secrets).toMatchObject({ SIGNING_KEYS: ENV['SIGNING_KEYS'] });
  });
});

describe('a bad configuration', () => {
  test('is refused with exit code 2 and one line per rule, and nothing is run', async () => {
    for (const argv of [[], ['--dry-run']]) {
      expect(await deploy(argv, { env: { ...ENV, HEARTBEAT_SECONDS: '0', PUBLIC_URL: 'nowhere' } })).toBe(2);
      expect(out.stderr).toBe(
        'deploy: PUBLIC_URL must be an origin like https://reeve.example.com, without path, query or credentials\n' +
          'deploy: HEARTBEAT_SECONDS must be whole seconds, 1 to 3600, e.g. 30\n',
      );
      expect(runs).toEqual([]);
    }
  });

  test('is named by variable and rule, never by value', async () => {
    const mark = 'zx81-marker';
    for (const name of Object.keys(ENV).filter((one) => one !== 'CONTAINER_URL')) {
      expect(await deploy([], { env: { ...ENV, [name]: mark } }), name).toBe(2);
      expect(out.stderr).toContain(name);
      expect(out.stderr).not.toContain(mark);
    }
  });

  test('is found where a variable is missing or empty', async () => {
    for (const name of Object.keys(ENV).filter((one) => one !== 'CONTAINER_URL')) {
      for (const value of [undefined, '']) {
        expect(await deploy([], { env: { ...ENV, [name]: value } }), name).toBe(2);
        expect(out.stderr, name).toContain(`deploy: ${name} is required`);
      }
    }
  });

  test('is what works on this machine only: loopback addresses', async () => {
    const local = textOf(loopbackBindings({ REEVE_DEV_TOKEN: 'dev-token-0123456789' }));
    expect(await deploy([], { env: local })).toBe(2);
    expect(out.stderr.split('\n')).toEqual([
      'deploy: PUBLIC_URL must be where the Worker will be reached, not loopback',
      'deploy: CONTAINER_URL must be reachable from Cloudflare, not loopback',
      '',
    ]);
    expect(runs).toEqual([]);
  });

  test('is a secret in wrangler.toml, where every reader of the repository sees it', async () => {
    expect(await deploy([], { project: { ...PROJECT, vars: { CONTAINER_SECRET } } })).toBe(2);
    expect(out.stderr).toBe('deploy: CONTAINER_SECRET must not stand in wrangler.toml, where it is no secret\n');
  });
});

describe('variables', () => {
  const plain = () => (upload()?.args ?? []).filter((argument) => /^[A-Z_]+:/.test(argument));

  test('come from the environment, then from env files of which the later wins, then from wrangler.toml', async () => {
    const [first, second] = [join(directory, 'first.env'), join(directory, 'second.env')];
    await writeFile(first, "HEARTBEAT_SECONDS=11\nPUSH_TIMEOUT_MS=1100\nAGENTS_PER_CONTAINER='1'\n");
    await writeFile(second, '# later\nPUSH_TIMEOUT_MS=2200\nAGENTS_PER_CONTAINER=2\n');
    const project = { ...PROJECT, vars: { HEARTBEAT_SECONDS: '9', SLEEP_AFTER_SECONDS: 900, UNRELATED: 'x' } };
    const env = { ...ENV, AGENTS_PER_CONTAINER: '3', UNRELATED: 'x' };
    expect(await deploy(['--env-file', first, '--env-file', second], { env, project })).toBe(0);
    expect(plain().toSorted()).toEqual([
      'AGENTS_PER_CONTAINER:3',
      'CONTAINER_URL:https://container.example.com',
      'HEARTBEAT_SECONDS:11',
      'PUBLIC_URL:https://reeve.example.com',
      'PUSH_TIMEOUT_MS:2200',
      'SLEEP_AFTER_SECONDS:900',
    ]);
  });

  test('may all come from the file that REEVE_ENV_FILE names', async () => {
    const file = join(directory, 'all.env');
    await writeFile(
      file,
      Object.entries(ENV)
        .map(([name, value]) => `${name}='${value}'\n`)
        .join(''),
    );
    expect(await deploy([], { env: { REEVE_ENV_FILE: file } })).toBe(0);
    expect(upload()?.secrets).toEqual({ SIGNING_KEYS: ENV['SIGNING_KEYS'], CONTAINER_SECRET });
  });

  test('cannot come from a file that is not there', async () => {
    expect(await deploy(['--env-file', join(directory, 'none.env')])).toBe(2);
    expect(out.stderr).toMatch(/^deploy: the env file .*none\.env cannot be read \(ENOENT\)\n$/);
    expect(runs).toEqual([]);
  });
});

describe('a dry run', () => {
  test('checks and bundles, and changes nothing', async () => {
    expect(await deploy(['--dry-run'])).toBe(0);
    expect(runs).toHaveLength(1);
    expect(upload()?.args).toContain('--dry-run');
    expect(out.stdout).toBe('');
  });

  test('works where a deployment would be refused, and says so', async () => {
    const env = textOf(loopbackBindings({ REEVE_DEV_TOKEN: 'dev-token-0123456789' }));
    expect(await deploy(['--dry-run'], { env })).toBe(0);
    expect(out.stderr).toMatch(/^deploy: a real deployment is refused: PUBLIC_URL [^\n]+\n/);
    expect(runs).toHaveLength(1);
  });
});

test('an argument that is not known is refused, and help explains those that are', async () => {
  expect(await deploy(['--fast'])).toBe(2);
  expect(out.stderr).toMatch(/^deploy: [^\n]*--fast[^\n]*\n$/);
  expect(await deploy(['--help'], { env: {} })).toBe(0);
  for (const word of ['--dry-run', '--env-file', 'REEVE_ENV_FILE', '--env NAME']) expect(out.stdout).toContain(word);
  expect(runs).toEqual([]);
});

describe('wrangler.toml', () => {
  test('replaces one container of an environment at a time', async () => {
    for (const env of [undefined, 'staging']) {
      const { containers } = await readConfigFile(env);
      expect(containers).toHaveLength(1);
      for (const { max_instances: most, rollout_step_percentage: step } of containers) {
        expect((Number(most) * Number(step)) / 100).toBe(1);
      }
    }
  });

  test('has in each environment what the top level has, under names of its own', async () => {
    const [top, staging] = [await readConfigFile(undefined), await readConfigFile('staging')];
    expect(staging['name']).toBe('reeve-staging');
    for (const key of ['durable_objects', 'migrations', 'triggers', 'assets', 'observability', 'main'])
      expect(staging[key], key).toEqual(top[key]);
    const rollout = { rollout_step_percentage: null };
    const own = { name: null, database_name: null, preview_database_id: null, max_instances: null, ...rollout };
    const kinds = (some: readonly object[]) => some.map((one) => ({ ...one, ...own }));
    expect(kinds(staging.containers)).toEqual(kinds(top.containers));
    expect(kinds(staging.d1_databases)).toEqual(kinds(top.d1_databases));
    const rates = ({ ratelimits }: Record<string, unknown>) =>
      z.array(z.object({ name: z.string(), namespace_id: z.string(), simple: z.unknown() })).parse(ratelimits);
    expect(rates(staging).map(({ name, simple }) => [name, simple])).toEqual(
      rates(top).map(({ name, simple }) => [name, simple]),
    );
    const namespaces = [...rates(staging), ...rates(top)].map(({ namespace_id: id }) => id);
    expect(new Set(namespaces).size).toBe(namespaces.length);
    const names = await Promise.all(
      [undefined, 'staging', 'unheard-of'].map(worldUntil(new AbortController().signal).project),
    );
    expect(names.map((project) => project?.databaseName)).toEqual([
      'reeve-directory',
      'reeve-staging-directory',
      undefined,
    ]);
  });
});

describe('as a process', () => {
  const run = promisify(execFile);
  const { PATH = '', HOME = '' } = process.env;

  test(
    'a dry run bundles the Worker with the real wrangler, without a network, and leaves no secret behind',
    { timeout: 120_000 },
    async () => {
      const env = { PATH, HOME, TMPDIR: directory, CI: 'true', ...ENV };
      const { stdout, stderr } = await run(process.execPath, ['--', SCRIPT, '--dry-run'], { env });
      expect(stdout).toContain('--dry-run: exiting now.');
      expect(stdout).toContain('env.SIGNING_KEYS');
      for (const text of [stdout, stderr]) {
        expect(text).not.toContain(CONTAINER_SECRET);
        expect(text).not.toContain('"d"');
      }
      expect((await readdir(directory)).filter((name) => name.startsWith('reeve-deploy'))).toEqual([]);
    },
  );

  test('a signal between two steps leaves no secret behind, and is the end', { timeout: 120_000 }, async () => {
    const env = { PATH, HOME, TMPDIR: directory, CI: 'true', ...ENV };
    const secretsLeftIn = () => readdirSync(directory).filter((name) => name.startsWith('reeve-deploy'));
    const program = spawn(process.execPath, ['--', SCRIPT, '--dry-run'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const said = allOf(program.stdout);
      const exited = once(program, 'exit');
      // The secrets are there; wrangler begins when the console is built.
      await expect.poll(secretsLeftIn, { timeout: 60_000, interval: 1 }).toHaveLength(1);
      program.kill('SIGTERM');
      expect(await exited).toEqual([1, null]);
      expect(secretsLeftIn()).toEqual([]);
      expect(await said).not.toContain('--dry-run: exiting now.');
    } finally {
      program.kill('SIGKILL');
    }
  });

  test('a bad configuration ends with code 2', { timeout: 60_000 }, async () => {
    const env = { PATH, HOME, ...ENV, CONTAINER_SECRET: 'short' };
    await expect(run(process.execPath, ['--', SCRIPT], { env })).rejects.toMatchObject({
      code: 2,
      stderr: 'deploy: CONTAINER_SECRET must have at least 16 characters\n',
    });
  });
});
