/** The environment, parsed once and frozen. An error names the variable and the rule, never the value. */
import { z } from 'zod';
import { parseJson } from '#lib/json.ts';
import { Secret } from '#lib/secret.ts';
import type { UserRange } from './agents/users/agent-users.ts';

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

/** A public key as `/.well-known/jwks.json` shows it. Members that are not listed are dropped: the control server holds no signing key. */
const publicKeySchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  kid: z.string().min(1).max(256),
  alg: z.literal('ES256').default('ES256'),
  use: z.literal('sig').default('sig'),
});

/** A JWK Set (RFC 7517) of public P-256 keys; at most 32. */
export const publicKeySetSchema = z.object({ keys: z.array(publicKeySchema).max(32) });
/** Public keys only, each complete. */
export type PublicKeySet = z.infer<typeof publicKeySetSchema>;

const noPrivatePart = z.object({ keys: z.array(z.looseObject({ d: z.undefined().optional() })) });

const ORIGIN_RULE = 'must be an http or https origin without path, query or credentials';
const origin = z.string('is required').transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isOrigin = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  if (isOrigin) return url.origin;
  context.addIssue({ code: 'custom', message: ORIGIN_RULE });
  return z.NEVER;
});

const ENDPOINT_RULE = 'must be an http or https address without query or credentials';
const endpoint = z.string().transform((text, context): string => {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (isPlain && /^https?:$/.test(url.protocol)) return url.href;
  context.addIssue({ code: 'custom', message: ENDPOINT_RULE });
  return z.NEVER;
});

const JWKS_RULE = 'must be a JSON Web Key Set of public P-256 keys, without any private part';
const keySet = z.string().transform((text, context): PublicKeySet => {
  const json = parseJson(text);
  const keys = publicKeySetSchema.safeParse(json);
  if (keys.success && noPrivatePart.safeParse(json).success) return keys.data;
  context.addIssue({ code: 'custom', message: JWKS_RULE });
  return z.NEVER;
});

const PORT_RULE = 'must be a port number from 0 to 65535';
const port = z
  .string()
  .regex(/^\d{1,5}$/, PORT_RULE)
  .transform(Number)
  .refine((value) => value <= 65_535, PORT_RULE);

const PATHS_RULE = 'must be absolute directories, by colon';
const absolutePaths = z.string().regex(/^\/[^:]*(?::\/[^:]*)*$/, PATHS_RULE);

const seconds = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/, `must be ${least} to ${most} seconds`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `must be ${least} to ${most} seconds`);

const USERS_RULE =
  'must be the number of a first user, or of a first and a last one (20000-29999), from 1000 to 2000000000';
const LEAST_UID = 1_000;
const GREATEST_UID = 2_000_000_000;
/** Users where only the first is said. */
const DEFAULT_USERS = 10_000;
const userRange = z.string().transform((text, context): UserRange => {
  const [, from, to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  const first = Number(from);
  const last = to === undefined ? Math.min(first + DEFAULT_USERS - 1, GREATEST_UID) : Number(to);
  if (first >= LEAST_UID && first <= last && last <= GREATEST_UID) return { first, last };
  context.addIssue({ code: 'custom', message: USERS_RULE });
  return z.NEVER;
});

const DISK_RULE = 'must be 0 to 1000000 MiB';
const mebibytes = z
  .string()
  .regex(/^\d{1,7}$/, DISK_RULE)
  .transform(Number)
  .refine((value) => value <= 1_000_000, DISK_RULE);

const environmentSchema = z.object({
  REEVE_API_URL: origin,
  REEVE_ISSUER: origin.optional(),
  REEVE_JWKS: keySet.optional(),
  CONTAINER_HOST: z.string().min(1, 'must not be empty').default('127.0.0.1'),
  CONTAINER_PORT: port.default(8790),
  METRICS_PORT: port.optional(),
  CONTAINER_SECRET: z.string().min(16, 'must have at least 16 characters').optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.optional(),
  OTEL_SERVICE_NAME: z
    .string()
    .min(1, 'must not be empty')
    .max(128, 'must have at most 128 characters')
    .default('reeve-container'),
  AGENT_STATE_DIR: z.string().min(1, 'must not be empty').default('.reeve-agents'),
  AGENT_PATH: absolutePaths.optional(),
  AGENT_START_TIMEOUT_SECONDS: seconds(1, 600).default(60),
  AGENT_PERMISSION_SECONDS: seconds(1, 86_400).default(600),
  AGENT_DRAIN_SECONDS: seconds(0, 3_600).default(600),
  AGENT_USERS: userRange.optional(),
  AGENT_DISK_MB: mebibytes.default(1024),
});

/** The validated configuration, frozen. */
export interface Config {
  /** Origin of the Worker: where every call of this process goes. */
  readonly apiUrl: string;
  /** `iss` of push tokens. */
  readonly issuer: string;
  /** Keys known before the first fetch of the Worker's key set; may be none. */
  readonly jwks: PublicKeySet;
  readonly host: string;
  /** 0: the system chooses one. */
  readonly port: number;
  /** Where, on loopback alone, this program tells of itself in numbers; null: nowhere. 0: the system chooses. */
  readonly metricsPort: number | null;
  /** The collector that spans are sent to, and what this program is called there; null: to none. */
  readonly collector: { readonly endpoint: string; readonly serviceName: string } | null;
  /** Shown when saying hello; null where the town finds this process by itself. */
  readonly containerSecret: Secret | null;
  /** Holds a directory for each agent; made where it is missing. */
  readonly agentStateDir: string;
  /** Where the commands of agents are looked for; null: next to this program's Node, and where a system has its own. */
  readonly agentPath: string | null;
  /** How long an agent may take until it takes prompts, and a person to answer what it asks (ms). */
  readonly agentStartMs: number;
  readonly agentPermissionMs: number;
  /** How long turns under way may take to their ends once the end of this program is announced (ms). */
  readonly agentDrainMs: number;
  /** Numbers of the users that agents run as; null: all run as this program's. */
  readonly agentUsers: UserRange | null;
  /** What an agent may have on the disk; 0: any amount. */
  readonly agentDiskBytes: number;
}

/** `process.env`, or what stands for it. */
export type Environment = Readonly<Record<string, string | undefined>>;
/** The configuration, or what is wrong with it. */
export type ParsedConfig =
  { readonly ok: true; readonly config: Config } | { readonly ok: false; readonly error: string };

/** Reads the configuration. `error` is one line for the operator. */
export function parseConfig(environment: Environment): ParsedConfig {
  const parsed = environmentSchema.safeParse(environment);
  if (!parsed.success) {
    const rules = parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`);
    return { ok: false, error: rules.join('; ') };
  }
  const given = parsed.data;
  return {
    ok: true,
    config: Object.freeze({
      apiUrl: given.REEVE_API_URL,
      issuer: given.REEVE_ISSUER ?? given.REEVE_API_URL,
      jwks: given.REEVE_JWKS ?? { keys: [] },
      host: given.CONTAINER_HOST,
      port: given.CONTAINER_PORT,
      metricsPort: given.METRICS_PORT ?? null,
      collector: collectorOf(given),
      containerSecret: given.CONTAINER_SECRET === undefined ? null : new Secret(given.CONTAINER_SECRET),
      agentStateDir: given.AGENT_STATE_DIR,
      agentPath: given.AGENT_PATH ?? null,
      agentStartMs: given.AGENT_START_TIMEOUT_SECONDS * 1000,
      agentPermissionMs: given.AGENT_PERMISSION_SECONDS * 1000,
      agentDrainMs: given.AGENT_DRAIN_SECONDS * 1000,
      agentUsers: given.AGENT_USERS ?? null,
      agentDiskBytes: given.AGENT_DISK_MB * 1024 * 1024,
    }),
  };
}

function collectorOf(given: z.infer<typeof environmentSchema>): Config['collector'] {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: to, OTEL_SERVICE_NAME: serviceName } = given;
  return to === undefined ? null : { endpoint: to, serviceName };
}
