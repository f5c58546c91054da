/** Every file of a folder as text that can be searched: its bytes, and of a database also each of its rows. */
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Where something was read, and what. */
export interface Text {
  readonly where: string;
  readonly text: string;
}

export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Bytes as Latin-1, so that pages, write-ahead logs and broken texts are read too, and every offset is a byte's. */
export function readEverything(folder: string, files = filesIn(folder)): Text[] {
  return files.flatMap((file) => {
    const where = relative(folder, file);
    // Another stack may clean up beside this one.
    if (!existsSync(file)) return [];
    const raw = { where, text: readFileSync(file, 'latin1') };
    return file.endsWith('.sqlite') ? [raw, ...rowsOf(file, where)] : [raw];
  });
}

/** Row by row: a long value lies in pieces on several pages, and a page shows only one of them. Reads a copy. */
function rowsOf(file: string, where: string): Text[] {
  const copy = mkdtempSync(join(tmpdir(), 'reeve-rows-'));
  try {
    for (const part of readdirSync(dirname(file)).filter((name) => name.startsWith(basename(file)))) {
      cpSync(join(dirname(file), part), join(copy, part));
    }
    const database = new DatabaseSync(join(copy, basename(file)));
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    const texts = tables.map(({ name }) => {
      const select = database.prepare(`SELECT * FROM "${String(name)}"`);
      select.setReadBigInts(true);
      const rows = select.all();
      const text = rows.flatMap((row) => Object.values(row).map(textOf)).join('\n');
      return { where: `${where}: ${String(name)}`, text };
    });
    database.close();
    return texts;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
}

export const modeOf = (file: string): string => (statSync(file).mode & 0o777).toString(8);
