import { lstatSync, type Dir, type Stats } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../lib/error-code.ts';

/** Entries that are read; more than these count as more than any budget. */
const MAX_ENTRIES = 250_000;
/** Entries between which other work of this process gets its turn. */
const AT_A_TIME = 256;
/** What the system counts a file's room in. */
const BLOCK_BYTES = 512;

/**
 * How much room (bytes) files and folders take on the disk, with all that is in them: as `du` counts, a file with several names once,
 * links not followed. Infinity past 250,000 entries, and where a path is too long for the system to name it, below which there may
 * be anything. What goes meanwhile, or cannot be read, counts nothing. Never rejects.
 */
export async function diskUse(roots: readonly string[]): Promise<number> {
  const waiting = [...roots];
  const seen = new Set<string>();
  let bytes = 0;
  let entries = 0;
  const add = (path: string): void => {
    entries += 1;
    const found = statOf(path);
    if (found === 'too_deep') bytes = Infinity;
    if (found === null || found === 'too_deep') return;
    if (found.isDirectory()) waiting.push(path);
    else if (found.nlink > 1) {
      const file = `${found.dev}:${found.ino}`;
      if (seen.has(file)) return;
      seen.add(file);
    }
    bytes += found.blocks * BLOCK_BYTES;
  };
  for (const root of waiting.splice(0)) add(root);
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    for await (const name of namesIn(folder)) {
      if (entries >= MAX_ENTRIES || bytes === Infinity) return Infinity;
      add(join(folder, name));
    }
  }
  return bytes;
}

function statOf(path: string): Stats | 'too_deep' | null {
  try {
    return lstatSync(path);
  } catch (thrown) {
    return errorCode(thrown) === 'ENAMETOOLONG' ? 'too_deep' : null;
  }
}

async function* namesIn(folder: string): AsyncGenerator<string> {
  try {
    const open: Dir = await opendir(folder, { bufferSize: AT_A_TIME });
    for await (const { name } of open) yield name;
  } catch {
    // It went meanwhile, or is closed to this process.
  }
}
