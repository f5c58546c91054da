/** `npm run image:build`: bundles the control server, and what it starts, into what the image copies. */
import { build, type BuildOptions } from 'esbuild';
import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PROGRAMS } from '../container/lib/program-file.ts';
import { NOTICES, bytesOf, noticesOf } from './notices.ts';
import { ROOT } from './programs.ts';

const USAGE = `Usage: npm run image:build

Bundles the control server and the programs that it starts into container/image/dist, which container/image/Dockerfile copies.
Then: docker build -t reeve-container container/image

  --help   this text
`;

/** The operator has to change something first. */
const EXIT_OPERATOR = 2;
const OUTPUT = join(ROOT, 'container/image/dist');

/** How the programs are bundled, each into a file of its own. */
export const IMAGE_BUNDLE = {
  absWorkingDir: ROOT,
  entryPoints: ['main', ...PROGRAMS].map((program) => ({ in: `container/${program}.ts`, out: program })),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  // What also comes as modules is taken so: CommonJS would load parts of Node in a way that a module does not have.
  mainFields: ['module', 'main'],
  legalComments: 'eof',
  logLevel: 'silent',
  metafile: true,
} as const satisfies BuildOptions;

/**
 * Bundles into a folder, which holds nothing else afterwards and is replaced as a whole: `main.mjs` is the control server, the
 * programs lie in folders below it, the licenses of the packages in them in a file beside. All users may read it: agents have users of their own. Rejects where the source does not bundle.
 */
export async function buildImage(folder = OUTPUT): Promise<void> {
  const fresh = `${folder}.${process.pid}`;
  try {
    const { metafile } = await build({ ...IMAGE_BUNDLE, outdir: fresh });
    await writeFile(join(fresh, NOTICES), noticesOf(bytesOf(metafile)));
    await openToAll(fresh);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** Whatever the umask of who builds. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

/** Whether `--help` was asked for, or what is wrong; there are no other arguments. */
function wantsHelp(): boolean | string {
  try {
    return parseArgs({ options: { help: { type: 'boolean', short: 'h' } } }).values.help === true;
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.message.split('\n')[0] ?? '') : 'see --help';
  }
}

async function main(): Promise<number> {
  const help = wantsHelp();
  if (typeof help === 'string') {
    process.stderr.write(`image:build: ${help}\n`);
    return EXIT_OPERATOR;
  }
  if (help) process.stdout.write(USAGE);
  else {
    await buildImage();
    process.stdout.write(`${OUTPUT}\n`);
  }
  return 0;
}

if (import.meta.main) process.exitCode = await main();
