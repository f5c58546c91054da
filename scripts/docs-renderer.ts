/** The renderer of the page at `/docs`: copied from its package to where the Worker's static assets are served from. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SCRIPT = 'redoc.standalone.js';
const LICENSES = `${SCRIPT}.LICENSE.txt`;
const ASSETS = join(import.meta.dirname, '../assets/docs');
/** A picture beside the renderer's own name: the one thing that it would load from another host. */
const LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg';

/**
 * Puts the renderer and the licenses of what is in it into a folder. What is there already stays untouched: a Worker that runs
 * beside this one watches the same folder, and starts anew whenever a file in it changes. Throws where the package is not what it
 * is expected to be.
 */
export function copyRenderer(folder = ASSETS): void {
  const source = fileURLToPath(import.meta.resolve('redoc/bundles/redoc.standalone.js'));
  const script = readFileSync(source, 'utf8');
  if (script.split(LOGO).length !== 2) throw new Error(`${SCRIPT} does not name its logo once`);
  mkdirSync(folder, { recursive: true });
  put(join(folder, SCRIPT), script.replace(LOGO, 'data:,'));
  put(join(folder, LICENSES), readFileSync(join(dirname(source), LICENSES), 'utf8'));
}

/** Whole or not at all: another start may read it, or write it, at the same time. */
function put(file: string, text: string): void {
  if (holds(file, text)) return;
  const whole = `${file}.${process.pid}`;
  writeFileSync(whole, text);
  renameSync(whole, file);
}

function holds(file: string, text: string): boolean {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false; // It is not there yet.
  }
}
