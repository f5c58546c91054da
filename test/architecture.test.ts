/** The rules of docs/architecture.md that neither the compiler nor the linter checks. Each is also shown a source that breaks it. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LONGEST } from './longest-first.ts';
import * as rules from './support/architecture.ts';
import { documentedExports } from './support/docstrings.ts';
import { ROOT, parseSource, readSources, type Check } from './support/source.ts';
import { walls } from './support/walls.ts';

const WORKER = readSources('src');
const CONTAINER = readSources('container');
const CLIENT = ['client', 'agent', 'cli', 'web'].flatMap(readSources);
const PRODUCT = [...WORKER, ...CONTAINER, ...CLIENT];
const TESTS = readSources('test').filter(({ path }) => path.endsWith('.test.ts'));

interface Fixture {
  readonly at: string;
  readonly breaks?: readonly string[];
  readonly keeps?: readonly string[];
}

/** The rule holds for `files`, finds each source that breaks it, and leaves alone each that keeps it. */
function holds(claim: string, check: Check, fixtures: readonly Fixture[], files = PRODUCT): void {
  test(claim, () => {
    expect(files.flatMap(check)).toEqual([]);
    for (const { at, breaks = [], keeps = [] } of fixtures) {
      for (const text of breaks) expect(check(parseSource(at, text)), `${at}: ${text}`).not.toEqual([]);
      for (const text of keeps) expect(check(parseSource(at, text)), `${at}: ${text}`).toEqual([]);
    }
  });
}

describe('walls', () => {
  holds('each folder imports only what is below it', walls, [
    {
      at: 'src/protocol/ids.ts',
      breaks: ["import '../lib/clock.ts';", "import { Hono } from 'hono';"],
      keeps: ["import { z } from 'zod';", "export * from './limits.ts';"],
    },
    { at: 'src/lib/clock.ts', breaks: ["import type { TownId } from '#protocol';", "import { z } from 'zod';"] },
    {
      at: 'src/roster/agent.ts',
      breaks: [
        "import type { Credential } from '../tokens/token-store.ts';",
        "import '../town/town.ts';",
        "export * from '../env.ts';",
        "const late = await import('../outbox/message.ts');",
        "type A = import('../events/event-store.ts').TownEvent;",
        "import { z } from 'zod';",
      ],
      keeps: ["import type { AgentId } from '#protocol'; import { ok } from '#lib/result.ts';"],
    },
    { at: 'src/link/handshake.ts', breaks: ["import { mintPushToken } from '../tokens/mint.ts';"] },
    {
      at: 'src/town/calls/handle-agent-report.ts',
      breaks: [
        "import '../../http/app.ts';",
        "import type { Config } from '../../env.ts';",
        "import 'hono';",
        "import { deliver } from '../delivery/deliver-message.ts';",
        "import type { Anything } from '../credentials/issue-token.ts';",
        "import { townPorts } from '../town-ports.ts';",
        "import '../ports.ts';",
      ],
      keeps: [
        "import '../../roster/agent.ts'; import '../../tokens/refresh-policy.ts'; import type { TownPorts } from '../ports.ts';",
        "import '../containers/activity.ts'; import '../agents/record-turn.ts'; import './authorize-call.ts';",
      ],
    },
    {
      at: 'src/town/state/slots.ts',
      breaks: ["import type { TownPorts } from '../ports.ts';", "import '../views/views.ts';"],
    },
    { at: 'src/wiring.ts', keeps: ["import { parseConfig } from './env.ts'; import './town/ports.ts';"] },
    {
      at: 'src/http/agents/calls.ts',
      breaks: [
        "import { authorizeCall } from '../../town/calls/authorize-call.ts';",
        "import { MessageStore } from '../../outbox/message-store.ts';",
        "import { mintAgentToken } from '../../tokens/mint.ts';",
        "import type { App } from '../people/towns.ts';",
      ],
      keeps: [
        "import type { CallRefusal } from '../../town/calls/authorize-call.ts';",
        "import { type Issuer } from '../../tokens/mint.ts';",
        "import { verifyAgentToken } from '../../tokens/verify.ts';",
      ],
    },
    {
      at: 'src/bindings.ts',
      breaks: ["import { Town } from './town/town.ts';"],
      keeps: ["import type { Town } from './town/town.ts';"],
    },
    {
      at: 'src/env.ts',
      breaks: ["import type { Town } from './town/town.ts';"],
      keeps: ["import { Secret } from '#lib/secret.ts';"],
    },
    { at: 'src/index.ts', breaks: ["import './tokens/mint.ts';", "import { z } from 'zod';"] },
    { at: 'src/new-folder/thing.ts', breaks: ['export const a = 1;'] },
    {
      at: 'container/clients/cell.ts',
      breaks: [
        "import '../../src/tokens/mint.ts';",
        "import '../../src/protocol/ids.ts';",
        "import 'jose';",
        "import 'hono';",
        "import '@hono/node-server';",
      ],
      keeps: ["import '#protocol'; import '../clock.ts'; import 'node:path';"],
    },
    {
      at: 'container/control/app.ts',
      breaks: ["import '@hono/node-server';"],
      keeps: ["import 'hono'; import 'jose';"],
    },
    { at: 'container/main.ts', keeps: ["import { serve } from '@hono/node-server';"] },
    {
      at: 'agent/town.ts',
      breaks: ["import '#protocol';", "import '../client/outside.ts';", "import 'zod';"],
      keeps: ["import './credential.ts'; import 'node:fs';"],
    },
    {
      at: 'container/tools/tool-door.ts',
      breaks: ["import 'hono';", "import 'jose';"],
      keeps: ["import '@modelcontextprotocol/sdk/types.js'; import '@hono/node-server';"],
    },
    {
      at: 'client/connection.ts',
      breaks: [
        "import '#protocol';",
        "import type { EventView } from '#protocol';",
        "import '../src/lib/clock.ts';",
        "import 'zod';",
        "import 'node:path';",
      ],
      keeps: ["import './outside.ts';", "import type { Event } from './api-types.ts';"],
    },
  ]);

  holds('what both sides share is imported as #protocol and #lib, and in no other way', rules.sharedByName, [
    {
      at: 'src/town/ports.ts',
      breaks: [
        "import type { TownId } from '../protocol/ids.ts';",
        "import type { TownId } from '../protocol/index.ts';",
        "import type { Clock } from '../lib/clock.ts';",
      ],
      keeps: ["import '#protocol';", "import '#lib/clock.ts';"],
    },
  ]);
});

describe('homes', () => {
  holds('jose lives in src/tokens and container/control', rules.joseHome, [
    { at: 'src/wiring.ts', breaks: ["import { jwtVerify } from 'jose';", "import type { JWK } from 'jose';"] },
    { at: 'src/tokens/verify.ts', keeps: ["import { jwtVerify } from 'jose';"] },
  ]);

  holds('cloudflare:workers lives in the two Durable Objects, and in what one of them hands out', rules.platformHome, [
    { at: 'src/town/ports.ts', breaks: ["import { DurableObject } from 'cloudflare:workers';"] },
    { at: 'src/town/town-gate.ts', breaks: ["import { RpcTarget } from 'cloudflare:workers';"] },
    { at: 'src/town/town.ts', keeps: ["import { DurableObject } from 'cloudflare:workers';"] },
    { at: 'src/town/agent-calls.ts', keeps: ["import { RpcTarget } from 'cloudflare:workers';"] },
  ]);

  holds('SQL lives in stores, the schema and the migrations', rules.sqlHome, [
    {
      at: 'src/town/town.ts',
      breaks: [
        'ctx.storage.sql.exec(query);',
        "this.#sql.exec('SELECT 1');",
        "const q = 'SELECT * FROM agents';",
        'const q = `UPDATE agents SET state = ${x}`;',
      ],
      keeps: ['/^Bearer (.*)$/.exec(header);', "const title = 'Select one';"],
    },
    { at: 'src/roster/agent-store.ts', keeps: ["this.#sql.exec('SELECT 1');"] },
  ]);

  holds('D1 is asked in src/directory only', rules.d1Home, [
    { at: 'src/http/app.ts', breaks: ["env.DIRECTORY.prepare('SELECT 1');"] },
    { at: 'src/directory/directory-store.ts', keeps: ["this.#db.prepare('SELECT 1');"] },
  ]);

  test('one table has one store', () => {
    const owners = new Map<string, string[]>();
    for (const file of WORKER.filter(({ path }) => path.endsWith('-store.ts'))) {
      for (const table of rules.tablesOf(file)) owners.set(table, [...(owners.get(table) ?? []), file.path]);
    }
    expect(owners.size).toBeGreaterThanOrEqual(9);
    expect([...owners].filter(([, files]) => files.length > 1)).toEqual([]);
    const two = parseSource(
      'src/a/b-store.ts',
      "sql.exec('SELECT 1 FROM a JOIN b ON a.x = b.x, json_each(?) WHERE y IN (SELECT value FROM json_each(?))'); sql.exec('UPDATE c SET x = 1');",
    );
    expect([...rules.tablesOf(two)]).toEqual(['a', 'b', 'c']);
  });

  holds('the clock and timers live in lib/clock and the entry points', rules.timeHome, [
    {
      at: 'src/town/town.ts',
      breaks: [
        'const now = Date.now();',
        'const read = Date.now;',
        'const at = new Date().toISOString();',
        'setTimeout(run, 5);',
        'setInterval(run, 5);',
        'const signal = AbortSignal.timeout(5);',
        'performance.now();',
      ],
      keeps: ['const at = new Date(nowMs).toISOString();', 'const now = clock.now();', 'AbortSignal.any([a, b]);'],
    },
    { at: 'container/clients/puller.ts', breaks: ['setTimeout(run, 5);'] },
    { at: 'src/lib/clock.ts', keeps: ['const now = Date.now();'] },
  ]);

  holds('requests leave the Worker through the address of a container, and through nothing else', rules.networkHome, [
    { at: 'src/tokens/verify.ts', breaks: ["const keys = await fetch('https://a.example.com');"] },
    { at: 'src/link/url-backend.ts', keeps: ['fetch(`${origin}${path}`);'] },
  ]);

  holds('every call into a container is made in the control client', rules.containerCallHome, [
    {
      at: 'src/link/handshake.ts',
      breaks: ["await backend.fetch('/health', {});", "this.#backend.fetch('/health', {});"],
    },
    { at: 'src/link/control-client.ts', keeps: ["this.#backend.fetch('/health', {});"] },
  ]);

  describe('M-05: one request path for all authenticated calls', () => {
    holds('every call of the container to its town is made in town-request', rules.townCallHome, [
      {
        at: 'container/clients/heartbeat.ts',
        breaks: ['await platform.fetch(url, init);', 'this.#platform.fetch(url, init);'],
      },
      { at: 'container/clients/town-request.ts', keeps: ['await platform.fetch(url, init);'] },
    ]);
  });

  holds('process.env is read in container/config, container/main and agent/index', rules.environmentHome, [
    {
      at: 'src/env.ts',
      breaks: ['const a = process.env.A;', "const a = process.env['A'];", 'const { A } = process.env;'],
    },
    { at: 'container/main.ts', keeps: ['parseConfig(process.env);'] },
  ]);

  test('a secret leaves its wrapper in at most two places on each side', () => {
    expect(WORKER.flatMap(rules.reveals).length).toBeLessThanOrEqual(2);
    expect(CONTAINER.flatMap(rules.reveals).length).toBeLessThanOrEqual(2);
    expect(rules.reveals(parseSource('src/town/town.ts', 'send(minted.token.reveal());'))).toHaveLength(1);
  });

  test('the files that take longest, and begin first, are there', () => {
    expect(LONGEST.filter((name) => !existsSync(join(ROOT, `test/${name}.test.ts`)))).toEqual([]);
  });

  test('src/lib holds at most twelve files', () => {
    expect(readdirSync(join(ROOT, 'src/lib')).length).toBeLessThanOrEqual(12);
  });
});

describe('types', () => {
  holds('a cast has its directive above and a reason above that', rules.castsWithReason, [
    {
      at: 'src/town/views/views.ts',
      breaks: [
        'const a = b as string;',
        'const a = <string>b;',
        'const a = b as unknown as string;',
        '// oxlint-disable-next-line typescript/no-unsafe-type-assertion\nconst a = b as string;',
        '// Why.\n// oxlint-disable-next-line typescript/no-explicit-any\nconst a = b as string;',
        '// Why.\n// oxlint-disable-next-line typescript/no-unsafe-type-assertion\n\nconst a = b as string;',
      ],
      keeps: [
        'const a = [1] as const;',
        'const a = { b: 1 } satisfies Row;',
        '// Why.\n// oxlint-disable-next-line typescript/no-unsafe-type-assertion\nconst a = b as string;',
        "import * as s from './s.ts'; export { a as b } from './t.ts';",
      ],
    },
  ]);

  holds('private members begin with #', rules.hashPrivate, [
    {
      at: 'src/tokens/key-ring.ts',
      breaks: ['class A { private b = 1; }', 'class A { protected b() {} }'],
      keeps: ['class A { #b = 1; private constructor() {} }'],
    },
  ]);
});

describe('size and names', () => {
  holds('nothing at the top of a module changes', rules.noModuleState, [
    {
      at: 'src/town/town.ts',
      breaks: [
        'let count = 0;',
        'export let count = 0;',
        'const seen = new Map();',
        'const list: string[] = [];',
        'export const cache = {};',
      ],
      keeps: [
        "const KNOWN = new Set(['a']);",
        'const make = () => new Map();',
        'function f() { let a = 1; }',
        "const A = ['a'];",
      ],
    },
  ]);

  holds(
    'files are named after the thing that they hold',
    rules.tellingNames,
    [
      { at: 'src/lib/utils.ts', breaks: [''] },
      { at: 'src/helpers/time.ts', breaks: [''] },
      { at: 'container/agents/agent-manager.ts', breaks: [''] },
      { at: 'src/town/common.ts', breaks: [''] },
      { at: 'src/tokens/refresh-policy.ts', keeps: [''] },
    ],
    [...PRODUCT, ...readSources('scripts')],
  );

  holds(
    'comments are in the present tense, without history and plans',
    rules.commentsInThePresent,
    [
      {
        at: 'src/town/town.ts',
        breaks: [
          '// Previously this was a map.',
          '/** Renamed for clarity. */',
          '// TODO: remove',
          '// This used to be sent at once.',
          '// Good enough for the moment.',
          '// Moved here from town.ts',
        ],
        keeps: [
          '// The key is used to sign, and is no longer published once it is tainted.',
          "/** Why a retry: the previous answer may be lost. */\nconst a = 'TODO';",
        ],
      },
    ],
    [...PRODUCT, ...readSources('scripts'), ...readSources('test')],
  );

  holds(
    'what the Worker exports has a docstring',
    documentedExports,
    [
      {
        at: 'src/protocol/ids.ts',
        breaks: [
          'export const a = 1;',
          '// Not a docstring.\nexport const a = 1;',
          '/** Of the file. */\n\nexport function f() {}',
          '/** One. */\nexport const a = 1;\nexport const b = 2;',
          'export default make();',
          'const a = z.string();\nexport type A = z.infer<typeof a>;',
          '/** One. */\nexport const a = z.string();\nexport type B = z.infer<typeof b>;',
        ],
        keeps: [
          '/** One. */\nexport const a = 1;',
          '/**\n * One.\n */\nexport class A {}',
          '/** One. */\n// Why.\n// oxlint-disable-next-line\nexport const a = 1;',
          '/** One. */\nexport const a = z.string();\nexport type A = z.infer<typeof a>;',
          '/** One. */\nexport function f(a: 1): 1;\nexport function f(a: 2): 2;\nexport function f(a: number) { return a; }',
          "const a = 1;\nexport { a };\nexport * from './limits.ts';",
        ],
      },
    ],
    WORKER,
  );

  holds(
    'a test is named by what is the case, not by what ought to be',
    rules.claimsAsNames,
    [
      {
        at: 'test/a.test.ts',
        breaks: [
          "test('it should work', () => {});",
          "describe('Should', () => {});",
          "test.each([1])('should %s', () => {});",
        ],
        keeps: ["test('works', () => {});", "const a = 'should';"],
      },
    ],
    TESTS,
  );

  holds(
    'no test changes the modules that it shares with others',
    rules.sharedModules,
    [
      {
        at: 'test/a.test.ts',
        breaks: ['vi.resetModules();', "vi.mock('./a.ts');"],
        keeps: ["await vi.importActual('./a.ts?copy');"],
      },
    ],
    TESTS,
  );
});
