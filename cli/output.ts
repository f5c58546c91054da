/** Data on stdout: a table for people, one JSON text, or one for each thing. */
import { quoted } from '../scripts/quoted.ts';
import type { World } from './world.ts';

export const FORMATS = ['table', 'json', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

/** What a table shows of each thing, by the head of the column. */
export type Columns<T> = Readonly<Record<string, (one: T) => string | number | null>>;

export class Output {
  readonly #world: World;
  readonly format: Format;

  constructor(world: World, format: Format) {
    this.#world = world;
    this.format = format;
  }

  /** Many things. An empty table is nothing at all. */
  list<T extends object>(items: readonly T[], columns: Columns<T>): void {
    if (this.format === 'json') return this.line(items);
    if (this.format === 'jsonl') return items.forEach((item) => this.line(item));
    if (items.length === 0) return;
    const rows = [Object.keys(columns), ...items.map((item) => Object.values(columns).map((read) => cell(read(item))))];
    this.#write(tableOf(rows));
  }

  /** One thing: a line for each column. */
  one<T extends object>(thing: T, columns: Columns<T>): void {
    if (this.format !== 'table') return this.line(thing);
    this.#write(tableOf(Object.entries(columns).map(([name, read]) => [name, cell(read(thing))])));
  }

  /** JSON on a line, whatever it holds. */
  line(value: unknown): void {
    this.#write(`${quoted(value)}\n`);
  }

  /** A text as it is; for a terminal without what that would obey. */
  text(text: string): void {
    this.#write(this.#world.stdout.isTTY === true ? printable(text) : text);
  }

  #write(text: string): void {
    this.#world.stdout.write(text);
  }
}

/** In one line, without what a terminal obeys: names of agents and reasons come from others. */
const cell = (value: string | number | null): string => (value === null ? '-' : quoted(String(value)).slice(1, -1));

/** A text of several lines; what is no letter and no line is escaped. */
export const printable = (text: string): string =>
  text
    .split(/(?<=[\n\t])|(?=[\n\t])/)
    .map((part) => (/^[\n\t]$/.test(part) ? part : letters(part)))
    .join('');

const letters = (part: string): string => part.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => cell(one));

function tableOf(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((text, at) => text.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
