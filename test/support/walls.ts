/** Who may import whom (docs/architecture.md). */
import { posix } from 'node:path';
import { isIn, type Check, type Import } from './source.ts';

/** A folder's own files are always allowed. */
interface Wall {
  /** A folder, with its slash, or one file. */
  readonly of: string;
  readonly may: readonly string[];
  /** Only as types. */
  readonly mayTypes?: readonly string[];
  readonly packages: readonly string[];
}

const NOUNS = [
  'roster',
  'tokens',
  'outbox',
  'permissions',
  'ledger',
  'events',
  'webhooks',
  'link',
  'directory',
  'people',
] as const;
const PROTOCOL = 'src/protocol/index.ts';
const LIB = 'src/lib/';
const NOUN_FOLDERS = NOUNS.map((noun) => `src/${noun}/`);
/** The rooms of the town, from the ground up: each sees only those before it. */
const ROOMS = [
  'state',
  'views',
  'stream',
  'members',
  'agents',
  'ledger',
  'containers',
  'calls',
  'credentials',
  'delivery',
  'webhooks',
  'alarm',
] as const;

/** Parses and calls: of the nouns it needs what a request is checked against, never a store of the town. */
const HTTP = {
  may: [
    PROTOCOL,
    LIB,
    'src/env.ts',
    'src/wiring.ts',
    'src/directory/',
    'src/people/',
    'src/tokens/verify.ts',
    'src/tokens/verified-tokens.ts',
    'src/tokens/key-set.ts',
    'src/roster/agent.ts',
    'src/outbox/message.ts',
    'src/webhooks/address.ts',
    'src/webhooks/secret.ts',
  ],
  mayTypes: ['src/bindings.ts', 'src/town/', ...NOUN_FOLDERS],
  packages: ['hono', '@hono/zod-openapi'],
};

/** Who may import whom. The first that fits a file is its wall. */
const WALLS: readonly Wall[] = [
  { of: 'src/protocol/', may: [], packages: ['zod'] },
  { of: LIB, may: [], packages: [] },
  ...NOUNS.map((noun) => ({
    of: `src/${noun}/`,
    may: [PROTOCOL, LIB],
    mayTypes: noun === 'directory' ? ['src/people/'] : [],
    packages:
      noun === 'people'
        ? ['zod', 'jose']
        : noun === 'tokens'
          ? ['zod', 'jose']
          : noun === 'link'
            ? ['cloudflare:workers']
            : [],
  })),
  ...ROOMS.map((room, at) => ({
    of: `src/town/${room}/`,
    may: [PROTOCOL, LIB, ...NOUN_FOLDERS, ...ROOMS.slice(0, at).map((below) => `src/town/${below}/`)],
    // The ports are made of what lies in the lowest room.
    mayTypes: at === 0 ? [] : ['src/town/ports.ts'],
    packages: [],
  })),
  {
    of: 'src/town/',
    may: [PROTOCOL, LIB, ...NOUN_FOLDERS],
    packages: ['cloudflare:workers'],
  },
  // One room for each audience, none of which sees another; all stand on the edge.
  { of: 'src/http/edge/', ...HTTP },
  ...['people', 'agents', 'containers', 'operators', 'openai', 'public'].map((room) => ({
    of: `src/http/${room}/`,
    ...HTTP,
    may: [...HTTP.may, 'src/http/edge/'],
  })),
  { of: 'src/http/', ...HTTP },
  {
    of: 'src/env.ts',
    may: [PROTOCOL, LIB, 'src/people/sign-in-settings.ts', 'src/tokens/key-set.ts'],
    packages: ['zod'],
  },
  {
    of: 'src/bindings.ts',
    may: [],
    mayTypes: ['src/town/town.ts', 'src/link/agent-container.ts'],
    packages: [],
  },
  {
    of: 'src/wiring.ts',
    may: [PROTOCOL, LIB, 'src/env.ts', 'src/town/', ...NOUN_FOLDERS],
    mayTypes: ['src/bindings.ts'],
    packages: [],
  },
  {
    of: 'src/index.ts',
    may: ['src/http/worker.ts', 'src/link/agent-container.ts', 'src/town/town.ts', 'src/wiring.ts'],
    mayTypes: ['src/bindings.ts'],
    packages: [],
  },
  // Runs in browsers and in Node, and its types are read there too: nothing but itself.
  { of: 'client/', may: ['client/'], packages: [] },
  // The console: rooms from the ground up, each of which sees only those before it.
  ...['lib', 'live', 'app', 'parts', 'views'].map((room, at, rooms) => ({
    of: `web/${room}/`,
    may: ['client/index.ts', 'web/icon.svg', ...rooms.slice(0, at).map((below) => `web/${below}/`)],
    packages: ['preact', '@preact/signals'],
  })),
  { of: 'web/vite.config.ts', may: [], packages: ['vite', 'node:'] },
  { of: 'web/', may: ['web/', 'client/index.ts'], packages: ['preact', '@preact/signals'] },
  // A program of its own over the client. Of the other programs it has what they know of terminals.
  {
    of: 'cli/',
    may: ['cli/', 'client/index.ts', 'scripts/ending.ts', 'scripts/quoted.ts'],
    packages: ['commander', '@bomb.sh/tab', 'node:'],
  },
  // Runs in the process of an agent: nothing but itself and Node.
  { of: 'agent/', may: [], packages: ['node:'] },
  { of: 'container/main.ts', may: ['container/', PROTOCOL, LIB], packages: ['@hono/node-server', 'node:'] },
  {
    of: 'container/otlp.ts',
    may: ['container/', PROTOCOL, LIB],
    packages: [
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-http',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace-base',
    ],
  },
  { of: 'container/metrics.ts', may: ['container/', LIB], packages: [] },
  { of: 'container/lib/', may: [PROTOCOL, LIB], packages: ['node:'] },
  { of: 'container/control/', may: ['container/', PROTOCOL, LIB], packages: ['hono', 'jose', 'zod', 'node:'] },
  {
    of: 'container/agents/process/',
    may: ['container/', PROTOCOL, LIB],
    packages: ['@agentclientprotocol/sdk', 'zod', 'node:'],
  },
  // A program of its own: of the control server it knows the shapes only.
  {
    of: 'container/agents/built-in/',
    may: [PROTOCOL, LIB],
    mayTypes: ['container/clients/town-tools.ts'],
    packages: ['@agentclientprotocol/sdk', 'zod', 'node:'],
  },
  // The one more place that listens, and the one that speaks the protocol of its tools.
  {
    of: 'container/tools/',
    may: ['container/', PROTOCOL, LIB],
    packages: ['@hono/node-server', '@modelcontextprotocol/sdk', 'zod', 'node:'],
  },
  { of: 'container/', may: ['container/', PROTOCOL, LIB], packages: ['zod', 'node:'] },
];

function fits(wall: Wall, path: string, { target, isLocal, isType }: Import): boolean {
  if (!isLocal)
    return wall.packages.some((name) => target === name || target.startsWith(name.endsWith(':') ? name : `${name}/`));
  const ownFolder = wall.of.endsWith('/') ? wall.of : posix.dirname(path);
  if (wall.of.endsWith('/') && target.startsWith(ownFolder)) return true;
  return isIn(target, ...wall.may) || (isType && isIn(target, ...(wall.mayTypes ?? [])));
}

export const walls: Check = (file) => {
  const wall = WALLS.find(({ of }) => isIn(file.path, of));
  if (wall === undefined) return [`${file.path}:1 stands in no room of the house`];
  return file.imports
    .filter((one) => !fits(wall, file.path, one))
    .map((one) => `${file.path}:${one.line} imports ${one.target}${one.isType ? ' (as a type)' : ''}`);
};
