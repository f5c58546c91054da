/** Whether the exports of a file have docstrings. */
import { child, isNode, nameOf, type Check, type Node, type SourceFile } from './source.ts';

/** What a statement declares: itself, or what it exports. Null: names that are declared elsewhere. */
const declarationOf = (statement: Node): Node | null =>
  statement.type.startsWith('Export') ? child(statement, 'declaration') : statement;

function declaredName(declaration: Node): string {
  const { declarations } = declaration;
  const first: unknown = Array.isArray(declarations) ? declarations[0] : declaration;
  return isNode(first) ? nameOf(child(first, 'id')) : '';
}

/** Directives and their reasons may stand between the two. */
function hasDocstring(file: SourceFile, statement: Node): boolean {
  const endingAt = new Map(file.comments.map(({ value, line }) => [line + value.split('\n').length - 1, value]));
  let line = file.lineOf(statement.start) - 1;
  while (endingAt.has(line) && endingAt.get(line)?.startsWith('*') === false) line -= 1;
  return endingAt.get(line)?.startsWith('*') === true;
}

/** A type that is read off the value right above it, as `z.infer<typeof schema>` is, and a further signature of one function. */
function continues(file: SourceFile, statement: Node, before: Node): boolean {
  const [own, above] = [declarationOf(statement), declarationOf(before)];
  if (own === null || above === null) return false;
  const name = declaredName(above);
  if (name === '') return false;
  if (own.type !== 'TSTypeAliasDeclaration') return declaredName(own) === name;
  return new RegExp(`\\btypeof ${name}\\b`).test(file.text.slice(own.start, own.end));
}

/** Every declaration that a file exports has a docstring right above it, or goes on from the one above that has. */
export const documentedExports: Check = (file) => {
  const { body } = file.program;
  const found: string[] = [];
  let before: { statement: Node; isDocumented: boolean } | null = null;
  for (const statement of Array.isArray(body) ? body.filter(isNode) : []) {
    const isDocumented: boolean =
      hasDocstring(file, statement) ||
      (before !== null && before.isDocumented && continues(file, statement, before.statement));
    const isExport = statement.type.startsWith('Export') && declarationOf(statement) !== null;
    if (isExport && !isDocumented)
      found.push(`${file.path}:${file.lineOf(statement.start)} exports without a docstring`);
    before = { statement, isDocumented };
  }
  return found;
};
