import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Puts a file among static assets, whole or not at all, because another start may read it, or write it, at the same time. One that
 * holds this already stays untouched: a Worker that runs watches the folder, starts anew whenever something in it changes, and ends
 * where it finds a file that has gone when it looks again. So what is half written lies beside the folder, and names stay the same.
 */
export function putAsset(assets: string, name: string, content: string | Uint8Array): void {
  const file = join(assets, name);
  const bytes = Buffer.from(content);
  if (contentOf(file)?.equals(bytes) === true) return;
  const whole = `${assets}.${process.pid}.tmp`;
  writeFileSync(whole, bytes);
  mkdirSync(dirname(file), { recursive: true });
  renameSync(whole, file);
}

function contentOf(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null; // It is not there yet.
  }
}
