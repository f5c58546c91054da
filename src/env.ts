/** Variables -> validated, frozen `Config`. A variable arrives as text, as a number where `[vars]` of wrangler.toml has one, or not at all. An error names the variable and the rule, never the value. */
import { z } from 'zod';
import { ENVIRONMENT_NAME, MAX_RUNTIME_SECRET_BYTES, MAX_TOKEN_TTL_SECONDS } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import { parseJson } from '#lib/json.ts';
import { Secret } from '#lib/secret.ts';
import { AGENT_SECRET_PREFIX, commaList, isLoopback, isLoopbackOrHttps } from '#lib/variables.ts';
import { signInRules, signInSettings, signInVariables, type SignInSettings } from './people/sign-in-settings.ts';
import { privateKeySetSchema, type PrivateKeySet } from './tokens/key-set.ts';

/** Settings of one deployment. Times carry their unit in the name. */
export interface Config {
  /** Origin of this Worker without a trailing slash. */
  readonly publicUrl: string;
  readonly trustDomain: string;
  readonly signingKeys: PrivateKeySet;
  readonly tokenTtlSeconds: number;
  readonly refreshIntervalMs: number;
  readonly heartbeatSeconds: number;
  readonly pushTimeoutMs: number;
  /** Empty: Cloudflare runs the containers. Origins of control servers that the operator runs outside Cloudflare. */
  readonly containerUrls: readonly string[];
  /** Origin at which containers of the platform reach this Worker. */
  readonly containerApiUrl: string;
  /** Null: no control server says hello. */
  readonly containerSecret: Secret | null;
  readonly agentsPerContainer: number;
  readonly sleepAfterMs: number;
  readonly devToken: Secret | null;
  /** What the secrets of webhooks are made of, the first of new ones; empty: there are no webhooks. */
  readonly webhookKeys: readonly Secret[];
  /** With which an operator reads the figures of all towns; null: only members do. */
  readonly metricsSecret: Secret | null;
  readonly signIn: SignInSettings;
  /** Commands that agents may run; null: any. */
  readonly agentCommands: ReadonlySet<string> | null;
  /** Secrets that agents may be given, by the name that they know them by. */
  readonly agentSecrets: ReadonlyMap<string, Secret>;
}

/** One broken rule: `variable` and `rule` go into logs and on the terminal. */
export interface ConfigError {
  readonly variable: string;
  readonly rule: string;
}

/** A secret shorter than this can be guessed. */
const MIN_SECRET_CHARS = 16;
/** A key of 256 bits in base64 is longer. */
const MIN_KEY_CHARS = 32;
const MAX_WEBHOOK_KEYS = 4;
const WEBHOOK_KEYS_RULE = `must be 1 to ${MAX_WEBHOOK_KEYS} keys by comma, each of at least ${MIN_KEY_CHARS} characters, like those of openssl rand -base64 32`;
const METRICS_SECRET_RULE = `must have at least ${MIN_KEY_CHARS} characters, like that of openssl rand -base64 32`;
/** Addresses of control servers. */
export const MAX_CONTAINER_URLS = 16;

const whole = (rule: string, min: number, max: number, fallback: number) =>
  z
    .union([z.string().regex(/^\d{1,9}$/, rule), z.number()], rule)
    .default(fallback)
    .transform(Number)
    .refine((value) => Number.isInteger(value) && value >= min && value <= max, rule);

const originRule = 'must be an origin like https://reeve.example.com, without path, query or credentials';
const origin = z.string('is required').transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || (url.origin !== text && `${url.origin}/` !== text)) {
    context.addIssue({ code: 'custom', message: originRule });
    return z.NEVER;
  }
  return url;
});

const secret = z
  .string('is required')
  .min(MIN_SECRET_CHARS, `must have at least ${MIN_SECRET_CHARS} characters`)
  .transform((text) => new Secret(text));

const signingKeys = z
  .string('is required')
  .transform((text, context): unknown => {
    const json = parseJson(text);
    if (json === undefined) context.addIssue({ code: 'custom', message: 'must be a JWK Set in JSON' });
    return json ?? z.NEVER;
  })
  .pipe(privateKeySetSchema);

const containerUrls = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(origin).min(1).max(MAX_CONTAINER_URLS, `must be at most ${MAX_CONTAINER_URLS} addresses`))
  .refine((urls) => urls.every(isLoopbackOrHttps), 'must be https, or http on loopback')
  // Containers that are placed apart, so that one machine may fail, would share it.
  .refine((urls) => new Set(urls.map(({ origin }) => origin)).size === urls.length, 'must name each address once');

const webhookKeys = z
  .string()
  .default('')
  .transform(commaList)
  .refine(
    (keys) => keys.length <= MAX_WEBHOOK_KEYS && keys.every((key) => key.length >= MIN_KEY_CHARS),
    WEBHOOK_KEYS_RULE,
  )
  .transform((keys) => keys.map((key) => new Secret(key)));

const variables = z.object({
  PUBLIC_URL: origin.refine(isLoopbackOrHttps, 'must be https, or http on loopback'),
  SIGNING_KEYS: signingKeys,
  TRUST_DOMAIN: z
    .string()
    .regex(/^[a-z0-9._-]{1,255}$/, 'must be a SPIFFE trust domain: a-z, 0-9, dot, dash, underscore')
    .optional(),
  TOKEN_TTL_SECONDS: whole(
    `must be whole seconds, 900 to ${MAX_TOKEN_TTL_SECONDS} (on loopback from 10), e.g. 10800`,
    10,
    MAX_TOKEN_TTL_SECONDS,
    10_800,
  ),
  REFRESH_INTERVAL_SECONDS: whole(
    'must be whole seconds, 300 or more (on loopback 1 or more), e.g. 3600',
    1,
    MAX_TOKEN_TTL_SECONDS,
    3600,
  ),
  HEARTBEAT_SECONDS: whole('must be whole seconds, 1 to 3600, e.g. 30', 1, 3600, 30),
  PUSH_TIMEOUT_MS: whole('must be whole milliseconds, 100 to 60000, e.g. 5000', 100, 60_000, 5000),
  /** Absent: the platform runs the containers. */
  CONTAINER_URL: containerUrls.optional(),
  CONTAINER_API_URL: origin.optional(),
  CONTAINER_SECRET: secret.optional(),
  AGENTS_PER_CONTAINER: whole('must be a whole number, 1 to 100, e.g. 8', 1, 100, 8),
  SLEEP_AFTER_SECONDS: whole('must be whole seconds, 1 to 86400, e.g. 600', 1, 86_400, 600),
  AGENT_COMMANDS: z.string().default('').transform(commaList),
  REEVE_DEV_TOKEN: secret.optional(),
  WEBHOOK_KEYS: webhookKeys,
  METRICS_SECRET: z
    .string()
    .min(MIN_KEY_CHARS, METRICS_SECRET_RULE)
    .transform((text) => new Secret(text))
    .optional(),
  ...signInVariables,
});
type Variables = z.infer<typeof variables>;

/**
 * Parses and checks every variable. Errors come in the order of the table in the README; the caller shows them all.
 * A JWK Set whose kids are not thumbprints is found later, where the keys are imported.
 */
export function parseConfig(bindings: object): Result<Config, readonly ConfigError[]> {
  const parsed = variables.safeParse(bindings);
  if (!parsed.success) {
    return err(parsed.error.issues.map(({ path, message }) => ({ variable: String(path[0] ?? 'env'), rule: message })));
  }
  const agentSecrets = readAgentSecrets(bindings);
  const broken = [...crossRules(parsed.data), ...agentSecrets.broken];
  if (broken.length > 0) return err(broken);
  const env = parsed.data;
  return ok(
    Object.freeze({
      publicUrl: env.PUBLIC_URL.origin,
      trustDomain: env.TRUST_DOMAIN ?? env.PUBLIC_URL.hostname.replaceAll(/[[\]]/g, '').replaceAll(':', '-'),
      signingKeys: env.SIGNING_KEYS,
      tokenTtlSeconds: env.TOKEN_TTL_SECONDS,
      refreshIntervalMs: env.REFRESH_INTERVAL_SECONDS * 1000,
      heartbeatSeconds: env.HEARTBEAT_SECONDS,
      pushTimeoutMs: env.PUSH_TIMEOUT_MS,
      containerUrls: (env.CONTAINER_URL ?? []).map((url) => url.origin),
      containerApiUrl: (env.CONTAINER_API_URL ?? env.PUBLIC_URL).origin,
      containerSecret: env.CONTAINER_SECRET ?? null,
      agentsPerContainer: env.AGENTS_PER_CONTAINER,
      sleepAfterMs: env.SLEEP_AFTER_SECONDS * 1000,
      devToken: env.REEVE_DEV_TOKEN ?? null,
      webhookKeys: env.WEBHOOK_KEYS,
      metricsSecret: env.METRICS_SECRET ?? null,
      signIn: signInSettings(env),
      agentCommands: env.AGENT_COMMANDS.includes(ANY) ? null : new Set(env.AGENT_COMMANDS),
      agentSecrets: agentSecrets.values,
    }),
  );
}

/** Rules that join two variables. Short lives are for loopback, where a test cannot wait an hour. */
function crossRules(env: Variables): ConfigError[] {
  const loopback = isLoopback(env.PUBLIC_URL);
  const ttl = env.TOKEN_TTL_SECONDS;
  const interval = env.REFRESH_INTERVAL_SECONDS;
  const rules: [boolean, string, string][] = [
    [loopback || ttl >= 900, 'TOKEN_TTL_SECONDS', 'must be at least 900 where PUBLIC_URL is not loopback'],
    [loopback || interval >= 300, 'REFRESH_INTERVAL_SECONDS', 'must be at least 300 where PUBLIC_URL is not loopback'],
    [
      ttl >= 2 * interval + Math.min(600, interval),
      'TOKEN_TTL_SECONDS',
      'must be at least 2 * REFRESH_INTERVAL_SECONDS + min(600, REFRESH_INTERVAL_SECONDS)',
    ],
    [
      !env.AGENT_COMMANDS.includes(ANY) || (env.CONTAINER_URL ?? []).every(isLoopback),
      'AGENT_COMMANDS',
      'may be * only where every CONTAINER_URL is loopback: name the commands',
    ],
    [
      env.CONTAINER_URL === undefined || env.CONTAINER_SECRET !== undefined,
      'CONTAINER_SECRET',
      'is required with CONTAINER_URL',
    ],
    [
      loopback || env.CONTAINER_API_URL === undefined || env.CONTAINER_API_URL.protocol === 'https:',
      'CONTAINER_API_URL',
      'must be https where PUBLIC_URL is not loopback',
    ],
    [loopback || env.REEVE_DEV_TOKEN === undefined, 'REEVE_DEV_TOKEN', 'is refused where PUBLIC_URL is not loopback'],
    ...signInRules(env, env.PUBLIC_URL.origin),
  ];
  return rules.filter(([kept]) => !kept).map(([, variable, rule]) => ({ variable, rule }));
}

/** Of AGENT_COMMANDS: any command. */
const ANY = '*';

/** Every variable with the prefix of agents' secrets. */
function readAgentSecrets(bindings: object): { values: ReadonlyMap<string, Secret>; broken: ConfigError[] } {
  const values = new Map<string, Secret>();
  const broken: ConfigError[] = [];
  for (const [variable, value] of Object.entries(bindings)) {
    if (!variable.startsWith(AGENT_SECRET_PREFIX)) continue;
    const name = variable.slice(AGENT_SECRET_PREFIX.length);
    const text = agentSecret.safeParse(value);
    if (ENVIRONMENT_NAME.test(name) && text.success) values.set(name, new Secret(text.data));
    else broken.push({ variable, rule: AGENT_SECRET_RULE });
  }
  return { values, broken };
}

const AGENT_SECRET_RULE = `must name an environment variable after ${AGENT_SECRET_PREFIX}, and have 1 to ${MAX_RUNTIME_SECRET_BYTES} characters`;
const agentSecret = z.string().min(1).max(MAX_RUNTIME_SECRET_BYTES);
