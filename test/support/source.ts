/** Source files as the architecture test reads them: parsed once, with their imports and positions. */
import { readFileSync, readdirSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';
import { parseSync } from 'oxc-parser';

export const ROOT = join(import.meta.dirname, '../..');

/** Any node of the syntax tree (ESTree with TypeScript). */
export interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

export interface Import {
  /** A path from the root of the project, or the name of a package. */
  readonly target: string;
  /** As it is written. */
  readonly specifier: string;
  readonly isLocal: boolean;
  /** Nothing of it is there at run time. */
  readonly isType: boolean;
  readonly line: number;
}

export interface SourceFile {
  /** From the root of the project, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly program: Node;
  readonly comments: readonly { readonly value: string; readonly line: number }[];
  readonly imports: readonly Import[];
  readonly lineOf: (offset: number) => number;
}

/** A rule of one file: answers `path:line what is wrong`, or nothing. */
export type Check = (file: SourceFile) => string[];

/** Whether a path is one of these files, or lies in one of these folders, which end with a slash. */
export const isIn = (path: string, ...places: readonly string[]): boolean =>
  places.some((place) => path === place || (place.endsWith('/') && path.startsWith(place)));

/** Parses a file of the project, or a fixture that stands at `path`. Throws where it is no TypeScript. */
export function parseSource(path: string, text: string): SourceFile {
  const { program, comments, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message ?? 'does not parse'}`);
  if (!isNode(program)) throw new Error(`${path}: no program`);
  const lineOf = (offset: number): number => text.slice(0, offset).split('\n').length;
  return {
    path,
    text,
    program,
    lineOf,
    comments: comments.map(({ value, start }) => ({ value, line: lineOf(start) })),
    imports: importsOf(path, program, lineOf),
  };
}

/** All TypeScript files in a folder of the project. */
export function readSources(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .toSorted()
    .map((path) => parseSource(path, readFileSync(join(ROOT, path), 'utf8')));
}

/** Every node below and including `root`, each with those above it, the nearest last. */
export function nodesOf(root: Node): { node: Node; above: readonly Node[] }[] {
  const found: { node: Node; above: readonly Node[] }[] = [];
  const visit = (value: unknown, above: readonly Node[]): void => {
    if (Array.isArray(value)) {
      for (const item of value) visit(item, above);
      return;
    }
    if (!isNode(value)) return;
    found.push({ node: value, above });
    const within = [...above, value];
    for (const member of Object.values(value)) visit(member, within);
  };
  visit(root, []);
  return found;
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value && 'end' in value;
}

/** A member of a node that is a node itself. */
export function child(node: Node, member: string): Node | null {
  const value = node[member];
  return isNode(value) ? value : null;
}

/** The text of an identifier, also of one that begins with `#`. */
export function nameOf(node: Node | null): string {
  const name = node?.['name'];
  return typeof name === 'string' ? name : '';
}

function importsOf(path: string, program: Node, lineOf: (offset: number) => number): Import[] {
  return nodesOf(program).flatMap(({ node }) => {
    const source = child(node, 'source')?.['value'];
    if (typeof source !== 'string') return [];
    return [{ ...resolve(path, source), specifier: source, isType: isTypeOnly(node), line: lineOf(node.start) }];
  });
}

function resolve(from: string, specifier: string): { target: string; isLocal: boolean } {
  if (specifier === '#protocol') return { target: 'src/protocol/index.ts', isLocal: true };
  if (specifier.startsWith('#lib/')) return { target: specifier.replace('#lib/', 'src/lib/'), isLocal: true };
  if (!specifier.startsWith('.')) return { target: specifier, isLocal: false };
  return { target: posix.join(posix.dirname(from), specifier), isLocal: true };
}

function isTypeOnly(node: Node): boolean {
  if (node.type === 'TSImportType') return true;
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return true;
  const { specifiers } = node;
  if (!Array.isArray(specifiers) || specifiers.length === 0) return false;
  return specifiers.every((one) => isNode(one) && (one['importKind'] === 'type' || one['exportKind'] === 'type'));
}
