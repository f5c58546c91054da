/** `npm run build:console`: builds the page of `web/` into the Worker's static assets. */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NOTICES, noticesOf, sumByPackage, type Bytes } from './notices.ts';
import { ROOT } from './programs.ts';
import { putAsset } from './put-asset.ts';

const ASSETS = join(ROOT, 'assets');
/** What the page is made of. */
const SOURCES = ['web/**/*', 'client/**/*.ts', 'package-lock.json', 'scripts/{build-console,notices}.ts'];
/** A digest of that. */
const MARK = 'console/source.txt';

/** Builds where what the page is made of has changed since it was built; else nothing is touched. Rejects where it does not build. */
export async function buildConsole(assets = ASSETS): Promise<void> {
  const mark = join(assets, MARK);
  const digest = digestOf(SOURCES);
  if (existsSync(mark) && readFileSync(mark, 'utf8') === digest) return;
  const { files, bytes } = await bundleConsole();
  files.set(NOTICES, noticesOf(bytes));
  for (const [name, content] of files) putAsset(assets, placeOf(name), content);
  putAsset(assets, MARK, digest);
  const kept = new Set([...files.keys(), 'source.txt']);
  for (const name of readdirSync(join(assets, 'console'))) {
    if (!kept.has(name)) rmSync(join(assets, 'console', name), { recursive: true, force: true });
  }
}

/** The page itself lies outside of its folder, so that only the Worker gets at it (src/http/public/console-page.ts). */
const placeOf = (name: string): string => (name === 'index.html' ? 'console.html' : `console/${name}`);

/** Each file by its name, and how many bytes of each package went into them, which are fewer once they are minified. */
export async function bundleConsole(): Promise<{ files: Map<string, string | Uint8Array>; bytes: Bytes }> {
  const built = await asProduction(async () => {
    const { build } = await import('vite');
    const { default: config } = await import('../web/vite.config.ts');
    return build({ ...config, configFile: false });
  });
  if (!('output' in built)) throw new Error('the console did not come out as one build');
  const files = built.output.map((part) => [part.fileName, part.type === 'chunk' ? part.code : part.source] as const);
  const modules = built.output.flatMap((part) => (part.type === 'chunk' ? Object.entries(part.modules) : []));
  const bytes = sumByPackage(modules.map(([file, { renderedLength }]) => [file, renderedLength] as const));
  return { files: new Map(files), bytes };
}

/** Vite takes from this variable what kind of build it makes, and a test runner sets it: what tests build is what is deployed. */
async function asProduction<T>(work: () => Promise<T>): Promise<T> {
  const { NODE_ENV: before } = process.env;
  process.env['NODE_ENV'] = 'production';
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = before;
  }
}

function digestOf(patterns: readonly string[]): string {
  const digest = createHash('sha256');
  for (const name of globSync([...patterns], { cwd: ROOT, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()) {
    digest
      .update(`${name.slice(ROOT.length)}\0`)
      .update(readFileSync(name))
      .update('\0');
  }
  return digest.digest('hex');
}

if (import.meta.main) await buildConsole();
