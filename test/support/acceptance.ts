/** Reads docs/acceptance.md. */

/** Ids of acceptance cases in a text, each once. */
export function idsIn(text: string): string[] {
  return [...new Set([...text.matchAll(/\b[AKMSW]-\d\d\b/g)].map(([id]) => id))];
}

export interface Row {
  readonly id: string;
  readonly files: readonly string[];
}

/** The rows of the table: the id in the first cell, test files in any other. */
export function rowsOf(markdown: string): Row[] {
  return markdown.split('\n').flatMap((line) => {
    const [, id] = /^\|\s*([AKMSW]-\d\d)\s*\|/.exec(line) ?? [];
    if (id === undefined) return [];
    return [{ id, files: [...line.matchAll(/\btest\/[\w./-]+\.test\.ts\b/g)].map(([file]) => file) }];
  });
}

/** The ids in the paragraphs that say which part owes which cases: "The core owes: ...". */
export function owedCases(markdown: string): string[] {
  return markdown
    .split(/\n\s*\n/)
    .flatMap((text) => (/^[A-Z][a-z, ]+ owes?:/.test(text.trimStart()) ? idsIn(text) : []));
}
