/** `npm run deploy`: checks the configuration, finds or makes the directory, applies its migrations, and deploys with wrangler. */
import { AGENT_SECRET_PREFIX, commaList, isLoopback, isWorkerVariable, strangeVariables } from '#lib/variables.ts';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, parseEnv } from 'node:util';
import { validateConfig } from './check-config.ts';
import { worldUntil, type DeployIo, type Project } from './deploy-world.ts';
import { endingSignal } from './ending.ts';

const USAGE = `Usage: npm run deploy [-- --dry-run] [-- --env NAME] [-- --env-file PATH]

Checks the configuration, brings the D1 directory up to its migrations, having made it where there is none, and deploys the Worker.

  --env NAME        an environment of wrangler.toml, such as staging (default: none, the top level)
  --dry-run         check and bundle, change nothing, need no network
  --env-file PATH   read variables from this file; may be given again, the later wins (default: REEVE_ENV_FILE)
  --help            this text

Variables are those of the configuration table in README.md, from the environment, then from env files, then from [vars] in
wrangler.toml. Secrets travel in a file that only you can read and that is removed afterwards, never as arguments.
`;

/** The platform's containers are neither built nor rolled out, and no Docker engine is needed. */
const NO_CONTAINERS = '--containers-rollout=none';
/** The operator has to change something first. */
const EXIT_OPERATOR = 2;
const SECRETS: readonly string[] = [
  'SIGNING_KEYS',
  'CONTAINER_SECRET',
  'REEVE_DEV_TOKEN',
  'WEBHOOK_KEYS',
  'METRICS_SECRET',
];
const isSecret = (name: string): boolean => SECRETS.includes(name) || name.startsWith(AGENT_SECRET_PREFIX);

/** A name that is new takes a while, and one that is not the Worker's never answers. */
const NOT_YET =
  "ask /healthz again in a minute; if it stays so, the domain of PUBLIC_URL is not this Worker's (custom domain, or workers.dev).";
/** Without one no person is let in. */
const KEYS_ONLY =
  'People sign in with API keys only (neither OIDC_ISSUER nor ACCESS_TEAM_DOMAIN is set); the first one: npm run keys -- api --name first\n';

type Variables = Record<string, string>;

/** What is deployed, and where. */
interface Target extends Project {
  /** Empty: the top level of wrangler.toml. */
  readonly environment: string;
  readonly variables: Readonly<Variables>;
}

/** Returns the exit code: 0 deployed, 2 refused with one line per rule and nothing changed, else wrangler's own. */
export async function main(argv: readonly string[], io: DeployIo): Promise<number> {
  const refuse = (lines: readonly string[]): number => {
    for (const line of lines) io.stderr.write(`deploy: ${line}\n`);
    return EXIT_OPERATOR;
  };
  const given = readArguments(argv);
  if (typeof given === 'string') return refuse([given]);
  if (given.help) {
    io.stdout.write(USAGE);
    return 0;
  }
  const project = await io.project(given.environment);
  if (project === null) return refuse([`wrangler.toml has no environment ${given.environment ?? ''}`]);
  const files = await readEnvFiles(given.envFiles.length > 0 ? given.envFiles : [io.env['REEVE_ENV_FILE'] ?? '']);
  if (typeof files === 'string') return refuse([files]);
  for (const line of strangeVariables({ ...project.vars, ...files, ...io.env }))
    io.stderr.write(`deploy: warning: ${line}\n`);
  const variables = pick({ ...project.vars, ...files, ...pick(io.env) });
  const misplaced = Object.keys(project.vars).filter(isSecret);
  const broken = [
    ...misplaced.map((name) => `${name} must not stand in wrangler.toml, where it is no secret`),
    ...(await validateConfig(variables)).map(({ variable, rule }) => `${variable} ${rule}`),
  ];
  if (broken.length > 0) return refuse(broken);
  const unfit = onlyLocal(variables);
  const target = { ...project, environment: given.environment ?? '', variables };
  if (!given.dryRun) {
    if (unfit.length > 0) return refuse(unfit);
    return deploy(target, io);
  }
  for (const line of unfit) io.stderr.write(`deploy: a real deployment is refused: ${line}\n`);
  return upload(target, ['--dry-run', NO_CONTAINERS], io);
}

interface Arguments {
  readonly dryRun: boolean;
  readonly help: boolean;
  readonly environment: string | undefined;
  readonly envFiles: readonly string[];
}

/** The arguments, or what is wrong with them. */
function readArguments(argv: readonly string[]): Arguments | string {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        'dry-run': { type: 'boolean' },
        env: { type: 'string' },
        'env-file': { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const { 'dry-run': dryRun = false, help = false, env: environment, 'env-file': envFiles = [] } = values;
    return { dryRun, help, environment, envFiles };
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : 'see --help';
  }
}

/** All variables of the files, the later winning; or which file cannot be read. An empty name is no file. */
async function readEnvFiles(paths: readonly string[]): Promise<Variables | string> {
  const variables: Variables = {};
  for (const path of paths.filter((name) => name !== '')) {
    try {
      Object.assign(variables, parseEnv(await readFile(path, 'utf8')));
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
      return `the env file ${path} cannot be read (${code})`;
    }
  }
  return variables;
}

/** The Worker's own variables; an empty one counts as not given. */
function pick(source: Readonly<Record<string, unknown>>): Variables {
  const picked: Variables = {};
  for (const [name, value] of Object.entries(source)) {
    if (!isWorkerVariable(name)) continue;
    if (typeof value === 'string' && value !== '') picked[name] = value;
    if (typeof value === 'number') picked[name] = String(value);
  }
  return picked;
}

const leadsHere = (address: string): boolean => URL.canParse(address) && isLoopback(new URL(address));

/** What may be rehearsed but not deployed. */
function onlyLocal(variables: Readonly<Variables>): string[] {
  const rules: [boolean, string][] = [
    [leadsHere(variables['PUBLIC_URL'] ?? ''), 'PUBLIC_URL must be where the Worker will be reached, not loopback'],
    [
      commaList(variables['CONTAINER_URL'] ?? '').some(leadsHere),
      'CONTAINER_URL must be reachable from Cloudflare, not loopback',
    ],
  ];
  return rules.filter(([broken]) => broken).map(([, line]) => line);
}

/** What fails on this machine fails before anything is changed. Migrations before the code: they only add, so the code that runs now works with them, and the new code never runs without. */
async function deploy(target: Target, io: DeployIo): Promise<number> {
  const { variables } = target;
  const isOurs = variables['CONTAINER_URL'] === undefined;
  if (isOurs) await io.bundle();
  const found = await findDatabase(target, io);
  if (found !== 0) return found;
  const migrated = await io.wrangler(['d1', 'migrations', 'apply', 'DIRECTORY', '--remote', ...inEnvironment(target)]);
  if (migrated !== 0) return migrated;
  const uploaded = await upload(target, isOurs ? [] : [NO_CONTAINERS], io);
  if (uploaded !== 0) return uploaded;
  io.stdout.write(`reeve deployed: ${variables['PUBLIC_URL'] ?? ''}\n`);
  const health = await io.get(`${variables['PUBLIC_URL'] ?? ''}/healthz`);
  if (health !== 200) io.stdout.write(`It does not answer there yet (${health ?? 'no answer'}): ${NOT_YET}\n`);
  const { OIDC_ISSUER, ACCESS_TEAM_DOMAIN } = variables;
  if (OIDC_ISSUER === undefined && ACCESS_TEAM_DOMAIN === undefined) io.stdout.write(KEYS_ONLY);
  return uploaded;
}

/** Makes the database where there is none of its name. What else may be wrong, such as no account, wrangler says of both commands. */
async function findDatabase({ databaseName }: Target, io: DeployIo): Promise<number> {
  if (databaseName === null || (await io.wrangler(['d1', 'info', databaseName])) === 0) return 0;
  return io.wrangler(['d1', 'create', databaseName, '--update-config=false']);
}

/** Always said, because there is more than one: an empty name is the top level. */
const inEnvironment = ({ environment }: Target): string[] => ['--env', environment];

/** The secrets are on disk, for their owner only, exactly as long as wrangler runs. */
async function upload(target: Target, flags: readonly string[], io: DeployIo): Promise<number> {
  const { variables } = target;
  const directory = await mkdtemp(join(tmpdir(), 'reeve-deploy-'));
  try {
    const secretsFile = join(directory, 'secrets.json');
    await writeFile(secretsFile, JSON.stringify(secretsOf(variables)), { mode: 0o600, flag: 'wx' });
    const plain = Object.entries(variables).filter(([name]) => !isSecret(name));
    const vars = plain.flatMap(([name, value]) => ['--var', `${name}:${value}`]);
    return await io.wrangler(['deploy', ...flags, ...inEnvironment(target), ...vars, '--secrets-file', secretsFile]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The key set goes without white space: a Worker's secret may have 5 KB, which sixteen keys need nearly all of. */
function secretsOf(variables: Readonly<Variables>): Variables {
  const secrets = Object.fromEntries(Object.entries(variables).filter(([name]) => isSecret(name)));
  return { ...secrets, SIGNING_KEYS: JSON.stringify(JSON.parse(variables['SIGNING_KEYS'] ?? '')) };
}

if (import.meta.main) {
  const { env, stdout, stderr } = process;
  process.exitCode = await main(process.argv.slice(2), {
    env,
    stdout,
    stderr,
    ...worldUntil(endingSignal()),
  });
}
