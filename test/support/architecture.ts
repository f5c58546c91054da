/** The rules of the house (docs/architecture.md), as checks on one file. Each answers `path:line what is wrong`. */
import { child, isIn, isNode, nameOf, nodesOf, type Check, type Node, type SourceFile } from './source.ts';

const at = (file: SourceFile, offset: number, what: string): string => `${file.path}:${file.lineOf(offset)} ${what}`;

/** What both sides share comes in through one door each: `#protocol`, and `#lib/` outside of `src/lib` itself. */
export const sharedByName: Check = (file) => {
  if (isIn(file.path, 'src/protocol/', 'src/lib/')) return [];
  return file.imports
    .filter(
      ({ target, specifier }) => isIn(target, 'src/protocol/', 'src/lib/') && !/^#(protocol$|lib\/)/.test(specifier),
    )
    .map(({ target, line }) => `${file.path}:${line} imports ${target}`);
};

/** A package has homes: elsewhere it is not imported. */
const packageHome =
  (name: string, ...homes: readonly string[]): Check =>
  (file) =>
    isIn(file.path, ...homes)
      ? []
      : file.imports
          .filter(({ target }) => target === name || target.startsWith(`${name}/`))
          .map(({ line }) => `${file.path}:${line} imports ${name}`);

export const joseHome = packageHome('jose', 'src/tokens/', 'src/people/jwt-sign-in.ts', 'container/control/');
export const platformHome = packageHome(
  'cloudflare:workers',
  'src/town/town.ts',
  'src/town/agent-calls.ts',
  'src/town/chat-calls.ts',
  'src/town/person-calls.ts',
  'src/town/webhook-calls.ts',
  'src/link/agent-container.ts',
);

/** `object.property` of a member expression, as far as it is written in names. */
function dotted(node: Node | null): string {
  if (node === null) return '';
  if (node.type === 'ThisExpression') return 'this';
  if (node.type !== 'MemberExpression') return nameOf(node);
  return `${dotted(child(node, 'object'))}.${nameOf(child(node, 'property'))}`;
}

const isStore = (path: string): boolean => /-store\.ts$|^src\/town\/state\/(?:first-|whole-)?schema\.ts$/.test(path);
const SQL = /^\s*(SELECT|INSERT|UPDATE|DELETE\s+FROM|REPLACE|CREATE (UNIQUE )?(TABLE|INDEX)|ALTER TABLE|DROP TABLE)\b/;

/** The text of a string or of the fixed parts of a template; empty for anything else. */
function textOf(node: Node): string {
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value'];
  if (node.type !== 'TemplateLiteral' || !Array.isArray(node['quasis'])) return '';
  return node['quasis']
    .map((part) => {
      const value: unknown = isNode(part) ? part['value'] : null;
      return typeof value === 'object' && value !== null && 'raw' in value ? String(value.raw) : '';
    })
    .join('?');
}

export const sqlHome: Check = (file) => {
  if (isStore(file.path) || file.path === 'src/lib/migrate.ts') return [];
  return nodesOf(file.program).flatMap(({ node }) => {
    if (SQL.test(textOf(node))) return [at(file, node.start, 'holds SQL')];
    if (node.type !== 'CallExpression') return [];
    return /\b#?sql\.exec$/.test(dotted(child(node, 'callee'))) ? [at(file, node.start, 'runs SQL')] : [];
  });
};

export const d1Home: Check = (file) =>
  isIn(file.path, 'src/directory/')
    ? []
    : nodesOf(file.program).flatMap(({ node }) =>
        node.type === 'CallExpression' && dotted(child(node, 'callee')).endsWith('.prepare')
          ? [at(file, node.start, 'asks D1')]
          : [],
      );

/** Tables that the SQL of a file reads or writes. */
export function tablesOf(file: SourceFile): Set<string> {
  const tables = new Set<string>();
  for (const { node } of nodesOf(file.program)) {
    const text = textOf(node);
    if (!SQL.test(text)) continue;
    for (const [, table] of text.matchAll(/\b(?:FROM|INTO|UPDATE|JOIN)\s+([a-z_]+)\b(?!\()/g)) tables.add(table ?? '');
  }
  return tables;
}

/** The impure file of each program in a container. */
const CONTAINER_PROGRAMS = ['container/main.ts', 'container/agents/built-in/main.ts'];
const CLOCKS = ['Date.now', 'performance.now', 'AbortSignal.timeout'];
const TIMERS = ['setTimeout', 'setInterval', 'setImmediate'];

export const timeHome: Check = (file) => {
  if (
    isIn(
      file.path,
      'src/lib/clock.ts',
      'src/index.ts',
      ...CONTAINER_PROGRAMS,
      'client/outside.ts',
      'web/lib/browser.ts',
      'agent/index.ts',
      'cli/main.ts',
    )
  )
    return [];
  return nodesOf(file.program).flatMap(({ node, above }) => {
    const name = dotted(node);
    if (node.type === 'MemberExpression' && CLOCKS.includes(name)) return [at(file, node.start, `reads ${name}`)];
    const isRead = node.type === 'Identifier' && above.at(-1)?.type === 'CallExpression';
    if (isRead && TIMERS.includes(name)) return [at(file, node.start, `sets ${name}`)];
    const isNow = node.type === 'NewExpression' && nameOf(child(node, 'callee')) === 'Date';
    return isNow && Array.isArray(node['arguments']) && node['arguments'].length === 0
      ? [at(file, node.start, 'reads new Date()')]
      : [];
  });
};

/** Calls of the platform's `fetch`, and of anything's own. */
const fetchHome =
  (isCall: (name: string) => boolean, ...homes: readonly string[]): Check =>
  (file) =>
    isIn(file.path, ...homes)
      ? []
      : nodesOf(file.program).flatMap(({ node }) =>
          node.type === 'CallExpression' && isCall(dotted(child(node, 'callee')))
            ? [at(file, node.start, 'sends a request')]
            : [],
        );

export const networkHome = fetchHome(
  (name) => name === 'fetch',
  'src/link/url-backend.ts',
  'src/webhooks/post-event.ts',
  'src/people/jwt-sign-in.ts',
  'container/agents/built-in/main.ts',
  'client/outside.ts',
  'web/lib/browser.ts',
  'cli/main.ts',
);
export const containerCallHome = fetchHome((name) => name.endsWith('backend.fetch'), 'src/link/control-client.ts');
export const townCallHome = fetchHome((name) => name.endsWith('platform.fetch'), 'container/clients/town-request.ts');

const memberHome =
  (what: string, matches: (name: string) => boolean, ...homes: readonly string[]): Check =>
  (file) =>
    isIn(file.path, ...homes)
      ? []
      : nodesOf(file.program).flatMap(({ node }) =>
          node.type === 'MemberExpression' && matches(dotted(node)) ? [at(file, node.start, what)] : [],
        );

export const environmentHome = memberHome(
  'reads process.env',
  (name) => name === 'process.env',
  'container/config.ts',
  'agent/index.ts',
  ...CONTAINER_PROGRAMS,
);
/** Files of one worker share their modules: what is emptied or replaced there is found by the files that follow. */
export const sharedModules = memberHome('changes the modules that other files of its worker have', (name) =>
  ['vi.resetModules', 'vi.mock', 'vi.doMock'].includes(name),
);
/** Where a secret leaves its wrapper. */
export const reveals = memberHome('reveals a secret', (name) => name.endsWith('.reveal'));

const DIRECTIVE = 'oxlint-disable-next-line typescript/no-unsafe-type-assertion';

export const castsWithReason: Check = (file) => {
  const comments = new Map(file.comments.map(({ value, line }) => [line, value.trim()]));
  return nodesOf(file.program).flatMap(({ node }) => {
    if (node.type !== 'TSAsExpression' && node.type !== 'TSTypeAssertion') return [];
    const type = child(node, 'typeAnnotation');
    if (type?.type === 'TSTypeReference' && nameOf(child(type, 'typeName')) === 'const') return [];
    const directives = [file.lineOf(node.start), file.lineOf(node.end)].map((line) => line - 1);
    const line = directives.find((above) => comments.get(above) === DIRECTIVE);
    if (line === undefined) return [at(file, node.start, 'casts without the directive above')];
    return comments.has(line - 1) ? [] : [at(file, node.start, 'casts without a reason above the directive')];
  });
};

const COLLECTIONS = ['Map', 'Set', 'WeakMap', 'WeakSet', 'Array'];

/** An empty collection at the top of a module is there to be filled later. */
function isEmptyCollection(value: Node | null): boolean {
  if (value === null) return false;
  if (value.type === 'ArrayExpression') return Array.isArray(value['elements']) && value['elements'].length === 0;
  if (value.type === 'ObjectExpression') return Array.isArray(value['properties']) && value['properties'].length === 0;
  const isCollection = value.type === 'NewExpression' && COLLECTIONS.includes(nameOf(child(value, 'callee')));
  return isCollection && Array.isArray(value['arguments']) && value['arguments'].length === 0;
}

export const noModuleState: Check = (file) => {
  const { body } = file.program;
  const statements = Array.isArray(body) ? body.filter(isNode) : [];
  return statements.flatMap((statement) => {
    const declaration = statement.type === 'VariableDeclaration' ? statement : child(statement, 'declaration');
    if (declaration?.type !== 'VariableDeclaration') return [];
    if (declaration['kind'] !== 'const')
      return [at(file, declaration.start, 'has a variable at the top of the module')];
    const { declarations } = declaration;
    return (Array.isArray(declarations) ? declarations.filter(isNode) : [])
      .filter((one) => isEmptyCollection(child(one, 'init')))
      .map((one) => at(file, one.start, 'has an empty collection at the top of the module'));
  });
};

export const hashPrivate: Check = (file) =>
  nodesOf(file.program).flatMap(({ node }) => {
    const hidden = node['accessibility'] === 'private' || node['accessibility'] === 'protected';
    return hidden && node['kind'] !== 'constructor' ? [at(file, node.start, 'hides a member by a keyword')] : [];
  });

const VAGUE = /(^|[-./])(utils?|helpers?|managers?|services?|common|misc)([-./]|$)/;

export const tellingNames: Check = (file) =>
  VAGUE.test(file.path) ? [`${file.path}:1 has a name that says nothing`] : [];

/** What tells how the code came to be: that is for the history of the repository. */
const HISTORY =
  /\b(previously|formerly|originally|refactor(ed|ing)?|renamed|rewritten|rewrote|legacy|deprecated|TODO|FIXME|XXX|HACK|for the moment|not (yet )?implemented|in the past|back then|moved (here )?from|changed from|instead of the old|old (code|version|implementation)|new (code|version|implementation) now|(?<!\b(?:is|are|be|been|being|was|were) )used to (be|do|have|return|take|throw))\b/i;

export const commentsInThePresent: Check = (file) =>
  file.comments.flatMap(({ value, line }) => {
    const word = HISTORY.exec(value)?.[0];
    return word === undefined ? [] : [`${file.path}:${line} says "${word}"`];
  });

/** The names of tests, as they stand in the file: strings and the fixed parts of templates. */
export function testNames(file: SourceFile): { name: string; line: number }[] {
  return nodesOf(file.program).flatMap(({ node }) => {
    if (node.type !== 'CallExpression') return [];
    const [base = ''] = dotted(calleeOf(node)).split('.');
    const first: unknown = Array.isArray(node['arguments']) ? node['arguments'][0] : null;
    if (!['test', 'it', 'describe'].includes(base) || !isNode(first)) return [];
    const name = textOf(first);
    return name === '' ? [] : [{ name, line: file.lineOf(node.start) }];
  });
}

/** `test` of `test(...)`, `test.each(...)(...)` and the like. */
function calleeOf(call: Node): Node | null {
  const callee = child(call, 'callee');
  return callee?.type === 'CallExpression' ? calleeOf(callee) : callee;
}

export const claimsAsNames: Check = (file) =>
  testNames(file)
    .filter(({ name }) => /\bshould\b/i.test(name))
    .map(({ name, line }) => `${file.path}:${line} is called "${name}"`);
