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

const NOUNS = ['roster', 'tokens', 'outbox', 'ledger', 'events', 'link', 'directory'] as const;
export const PROTOCOL = 'src/protocol/index.ts';
const LIB = 'src/lib/';

/** Who may import whom. The first that fits a file is its wall. */
const WALLS: readonly Wall[] = [
  { of: 'src/protocol/', may: [], packages: ['zod'] },
  { of: LIB, may: [], packages: [] },
  ...NOUNS.map((noun) => ({
    of: `src/${noun}/`,
    may: [PROTOCOL, LIB],
    packages: noun === 'tokens' ? ['zod', 'jose'] : noun === 'link' ? ['cloudflare:workers'] : [],
  })),
  {
    of: 'src/town/wiring.ts',
    may: [PROTOCOL, LIB, 'src/env.ts', 'src/town/', ...NOUNS.map((noun) => `src/${noun}/`)],
    packages: [],
  },
  {
    of: 'src/town/',
    may: [PROTOCOL, LIB, ...NOUNS.map((noun) => `src/${noun}/`)],
    packages: ['cloudflare:workers'],
  },
  {
    of: 'src/http/',
    // Parses and calls: of the nouns it needs what a request is checked against, never a store of the town.
    may: [
      PROTOCOL,
      LIB,
      'src/env.ts',
      'src/town/wiring.ts',
      'src/directory/',
      'src/tokens/verify.ts',
      'src/tokens/key-set.ts',
      'src/roster/agent.ts',
      'src/outbox/message.ts',
    ],
    mayTypes: ['src/town/', ...NOUNS.map((noun) => `src/${noun}/`)],
    packages: ['hono', '@hono/zod-openapi'],
  },
  {
    of: 'src/env.ts',
    may: [PROTOCOL, LIB, 'src/tokens/key-set.ts'],
    mayTypes: ['src/town/town.ts', 'src/link/agent-container.ts'],
    packages: ['zod'],
  },
  {
    of: 'src/index.ts',
    may: ['src/http/worker.ts', 'src/link/agent-container.ts', 'src/town/town.ts', 'src/town/wiring.ts'],
    mayTypes: ['src/env.ts'],
    packages: [],
  },
  // Runs in browsers and in Node: nothing but itself.
  { of: 'client/', may: [], packages: [] },
  { of: 'container/main.ts', may: ['container/', PROTOCOL], packages: ['@hono/node-server', 'node:'] },
  { of: 'container/control/', may: ['container/', PROTOCOL], packages: ['hono', 'jose', 'zod', 'node:'] },
  { of: 'container/', may: ['container/', PROTOCOL], packages: ['zod', 'node:'] },
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
