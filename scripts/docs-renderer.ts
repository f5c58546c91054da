/** The renderer of the page at `/docs`: copied from its package to where the Worker's static assets are served from. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { putAsset } from './put-asset.ts';

const SCRIPT = 'redoc.standalone.js';
const LICENSES = `${SCRIPT}.LICENSE.txt`;
const ASSETS = join(import.meta.dirname, '../assets');
/** A picture beside the renderer's own name: the one thing that it would load from another host. */
const LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg';

/** Puts the renderer, and the licenses of what is in it, among the static assets. Throws where the package is not what it is expected to be. */
export function copyRenderer(assets = ASSETS): void {
  const source = fileURLToPath(import.meta.resolve('redoc/bundles/redoc.standalone.js'));
  const script = readFileSync(source, 'utf8');
  if (script.split(LOGO).length !== 2) throw new Error(`${SCRIPT} does not name its logo once`);
  putAsset(assets, `docs/${SCRIPT}`, script.replace(LOGO, 'data:,'));
  putAsset(assets, `docs/${LICENSES}`, readFileSync(join(dirname(source), LICENSES), 'utf8'));
}
