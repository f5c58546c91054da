/** Variables of the Worker that may be set from outside; the table in the README. */
const WORKER_VARIABLES = [
  'PUBLIC_URL',
  'SIGNING_KEYS',
  'TRUST_DOMAIN',
  'TOKEN_TTL_SECONDS',
  'REFRESH_INTERVAL_SECONDS',
  'HEARTBEAT_SECONDS',
  'PUSH_TIMEOUT_MS',
  'CONTAINER_URL',
  'CONTAINER_API_URL',
  'CONTAINER_SECRET',
  'AGENTS_PER_CONTAINER',
  'SLEEP_AFTER_SECONDS',
  'AGENT_COMMANDS',
  'REEVE_DEV_TOKEN',
  'WEBHOOK_KEYS',
  'METRICS_SECRET',
  'OIDC_ISSUER',
  'OIDC_AUDIENCE',
  'OIDC_CLIENT_ID',
  'ACCESS_TEAM_DOMAIN',
  'ACCESS_AUD',
  'ALLOWED_ORIGINS',
] as const;

/** What follows in the name of a variable is the name of a secret that agents may be given. */
export const AGENT_SECRET_PREFIX = 'AGENT_SECRET_';

/** Whether the Worker reads a variable of this name. */
export function isWorkerVariable(name: string): boolean {
  return WORKER_VARIABLES.some((known) => known === name) || name.startsWith(AGENT_SECRET_PREFIX);
}

/** All that a Reeve reads from an environment: the Worker, the control server and the commands. */
const KNOWN: readonly string[] = [
  ...WORKER_VARIABLES,
  'REEVE_API_URL',
  'REEVE_ISSUER',
  'REEVE_JWKS',
  'REEVE_STATE_DIR',
  'REEVE_URL',
  'REEVE_ENV_FILE',
  'CONTAINER_HOST',
  'CONTAINER_PORT',
  'METRICS_PORT',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_SERVICE_NAME',
  'AGENT_STATE_DIR',
  'AGENT_PATH',
  'AGENT_START_TIMEOUT_SECONDS',
  'AGENT_PERMISSION_SECONDS',
  'AGENT_DRAIN_SECONDS',
  'AGENT_USERS',
  'AGENT_DISK_MB',
];
const PREFIX = 'REEVE_';
/** Letters that may be wrong in a name, and the least length of one in which that many are a slip and no other word. */
const SLIPS = 2;
const MIN_CHARS = 8;

/**
 * One line for each variable that is not read, but may have been meant to be: it has our prefix, or its name is close to one of
 * ours. An empty one counts as not given. Names only, never a value.
 */
export function strangeVariables(given: Readonly<Record<string, unknown>>): string[] {
  const names = Object.keys(given).filter((name) => given[name] !== '' && given[name] !== undefined);
  return names
    .filter((name) => !KNOWN.includes(name) && !name.startsWith(AGENT_SECRET_PREFIX))
    .flatMap((name) => {
      const meant = KNOWN.find((known) => isNear(name, known));
      if (meant !== undefined) return [`${name} is not read; is ${meant} meant?`];
      return name.startsWith(PREFIX) ? [`${name} is not read; the table in README.md has all that are`] : [];
    });
}

/** One is the other with more words at its end (TOKEN_TTL), or with another last one (TOKEN_TTL_MINUTES), or has a slip or two. */
function isNear(name: string, known: string): boolean {
  const upper = name.toUpperCase();
  const [short = '', long = ''] = [upper, known].toSorted((one, other) => one.length - other.length);
  if (short.includes('_') && long.startsWith(`${short}_`)) return true;
  const stem = /^[A-Z]+_[A-Z]+_(?=[A-Z]+$)/.exec(known)?.[0];
  if (stem !== undefined && upper.startsWith(stem)) return true;
  return Math.min(name.length, known.length) >= MIN_CHARS && distance(upper, known) <= SLIPS;
}

/** Levenshtein distance: letters that are added, left out or exchanged. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of one.split('').entries()) {
    const next = [at + 1];
    for (const [to, wanted] of other.split('').entries()) {
      const exchanged = (row[to] ?? 0) + Number(letter !== wanted);
      next.push(Math.min(exchanged, (row[to + 1] ?? 0) + 1, (next[to] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The parts of a list by comma, without blanks around them; empty parts count as not given. */
export const commaList = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** Whether an address leads to this very machine. */
export const isLoopback = ({ hostname }: URL): boolean => LOOPBACK.includes(hostname);

/** Whether nothing on the way can read what is sent there. */
export const isLoopbackOrHttps = (url: URL): boolean => url.protocol === 'https:' || isLoopback(url);
