/** What package.json and package-lock.json say of the packages that `npm ci` installs. */
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { z } from 'zod';
import { ROOT } from './programs.ts';

const named = z.record(z.string(), z.string());
const lockedSchema = z.object({
  /** Where it is not that of its folder: of an alias. */
  name: z.string().optional(),
  version: z.string(),
  license: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  hasInstallScript: z.boolean().default(false),
  dependencies: named.default({}),
  optionalDependencies: named.default({}),
  /** The one platform that it is for. */
  os: z.array(z.string()).optional(),
  cpu: z.array(z.string()).optional(),
});
/** A package of the lock file. */
export type Locked = z.infer<typeof lockedSchema>;
/** Each package by its folder, `node_modules/...` from the root of the project. */
export type Lock = ReadonlyMap<string, Locked>;

const lockSchema = z.object({ packages: z.record(z.string(), lockedSchema) });
const projectSchema = z.object({ devDependencies: named, allowScripts: z.record(z.string(), z.boolean()) });

/** The lock file, without the project itself. */
export function readLock(): Lock {
  const { packages } = lockSchema.parse(readJson('package-lock.json'));
  return new Map(Object.entries(packages).filter(([folder]) => folder !== ''));
}

/** The direct dependencies of the project, which are all of its devDependencies, and whose install scripts may run. */
export const readProject = (): z.infer<typeof projectSchema> => projectSchema.parse(readJson('package.json'));

const readJson = (file: string): unknown => JSON.parse(readFileSync(join(ROOT, file), 'utf8'));

/** The name under which a registry has the package of a folder. */
export const nameOf = (folder: string, { name }: Locked): string =>
  name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** A package that the lock file has to have. Throws where it does not. */
export function lockedAt(lock: Lock, folder: string): Locked {
  const locked = lock.get(folder);
  if (locked === undefined) throw new Error(`package-lock.json has no ${folder}`);
  return locked;
}

/** Whether a package is there on one platform alone. */
export const isOfPlatform = ({ os, cpu }: Locked): boolean => os !== undefined || cpu !== undefined;

/** The folders of a package and of all that it brings on some platform; not what a package of one platform brings in its turn. */
export function broughtBy(lock: Lock, folder: string): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (from: string): void => {
    if (found.has(from)) return;
    found.add(from);
    const locked = lockedAt(lock, from);
    if (isOfPlatform(locked)) return;
    const { dependencies, optionalDependencies } = locked;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) visit(placeOf(lock, name, from));
  };
  visit(folder);
  return found;
}

/** Where Node finds a package from the folder of another: in it, or in the nearest one around it. */
function placeOf(lock: Lock, name: string, from: string): string {
  for (let around = from; around !== ''; around = around.slice(0, Math.max(0, around.lastIndexOf('/node_modules/')))) {
    const folder = posix.join(around, 'node_modules', name);
    if (lock.has(folder)) return folder;
  }
  return posix.join('node_modules', name);
}
