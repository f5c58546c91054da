/** `npm run keys -- api`: the first API key of a deployment, which cannot be made over HTTP yet. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { DEFAULT_KEY_DAYS, MAX_KEY_DAYS, MAX_KEY_NAME_UNITS, PERSON_SCOPES } from '#protocol';
import { apiKeyInsert } from '../src/directory/api-key-store.ts';
import { drawApiKey } from '../src/people/api-key.ts';

export const API_USAGE = `       npm run keys -- api --name NAME [--person ID] [--scope read|chat|admin] [--days N] [--env NAME | --local DIR]

  api               an API key in the directory of the deployment (D1); prints it once
  --name NAME       what it is for, 1 to ${MAX_KEY_NAME_UNITS} characters
  --person ID       for whom it speaks, and who owns the towns that it makes (default: operator); oidc:<sub> for a person who signs in
  --scope SCOPE     read, chat or admin (default: admin)
  --days N          1 to ${MAX_KEY_DAYS} (default: ${DEFAULT_KEY_DAYS})
  --env NAME        in the deployment of an environment of wrangler.toml (default: none, the top level)
  --local DIR       in the state folder of an npm start that does not run, instead of the deployment
`;

const EXIT_OPERATOR = 2;
const DAY_MS = 86_400_000;

export interface ApiKeyIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly now: () => number;
  /** Runs wrangler and answers its exit code. What it prints goes to stderr. */
  readonly wrangler: (args: readonly string[]) => Promise<number>;
}

const words = (max: number) => z.string().trim().min(1).max(max);
const order = z.object({
  name: words(MAX_KEY_NAME_UNITS),
  person: words(255).default('operator'),
  scope: z.enum(PERSON_SCOPES).default('admin'),
  days: z.coerce.number().int().min(1).max(MAX_KEY_DAYS).default(DEFAULT_KEY_DAYS),
  env: z.string().default(''),
  local: z.string().min(1).optional(),
});

/** Returns the exit code: 0 with the key on stdout, 2 refused with one line, else wrangler's own; then there is no key. */
export async function makeApiKey(argv: readonly string[], io: ApiKeyIo): Promise<number> {
  const given = readOrder(argv);
  if (typeof given === 'string') {
    io.stderr.write(`keys: ${given}\n`);
    return EXIT_OPERATOR;
  }
  const { name, person, scope, days, env, local } = given;
  const { id, text, digest } = await drawApiKey();
  const createdAtMs = io.now();
  const expiresAtMs = createdAtMs + days * DAY_MS;
  const statement = apiKeyInsert({
    id,
    person,
    name,
    scope,
    digest,
    createdAtMs,
    expiresAtMs,
    revokedAtMs: null,
    parent: null,
  });
  const where =
    local === undefined ? ['--remote', '--env', env] : ['--local', '--persist-to', resolve(local, 'worker')];
  const code = await io.wrangler(['d1', 'execute', 'DIRECTORY', ...where, '--yes', '--command', statement]);
  if (code !== 0) {
    io.stderr.write(`keys: wrangler ended with code ${code}: no key was made\n`);
    return code;
  }
  io.stderr.write(`${id}  ${scope}  ${person}  until ${new Date(expiresAtMs).toISOString()}; shown once:\n`);
  io.stdout.write(`${text}\n`);
  return 0;
}

/** What is ordered, or what is wrong with it. */
function readOrder(argv: readonly string[]): z.output<typeof order> | string {
  const text = { type: 'string' } as const;
  try {
    const options = { name: text, person: text, scope: text, days: text, env: text, local: text };
    const parsed = order.safeParse(parseArgs({ args: [...argv], options }).values);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    return `--${String(issue?.path[0] ?? 'name')}: ${issue?.message ?? 'is wrong'}; see --help`;
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : 'see --help';
  }
}
