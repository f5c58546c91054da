/** Where the command line is signed in: a file of its own, 0600, that `reeve login` writes; else the stack that `npm start` runs here. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EXIT, Ended } from './exit.ts';
import { fieldsOf } from './fields.ts';
import type { World } from './world.ts';

export interface Profile {
  /** An origin. */
  readonly url: string;
  readonly key: string;
}

type Env = World['env'];

/** An empty variable counts as none. */
const given = (env: Env, name: string, otherwise: string): string => {
  const value = env[name] ?? '';
  return value === '' ? otherwise : value;
};

/** The file, by the XDG base directories. */
export function profileFile(env: Env): string {
  return join(resolve(given(env, 'XDG_CONFIG_HOME', join(homedir(), '.config'))), 'reeve', 'profile.json');
}

/** The origin of an address; ends the command where it is none, or where a key would travel in the clear. */
export function originOf(address: string): string {
  if (!URL.canParse(address))
    throw new Ended(EXIT.usage, `${address} is no address; expected one like https://reeve.example.com`);
  const { protocol, hostname, origin } = new URL(address);
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol !== 'https:' && !(protocol === 'http:' && isLoopback)) {
    throw new Ended(EXIT.usage, 'the address has to begin with https://; http:// is for this machine alone');
  }
  return origin;
}

/** Whole or not at all; readable by its owner alone. */
export function writeProfile(env: Env, profile: Profile): void {
  const file = profileFile(env);
  const next = `${file}.${process.pid}.tmp`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    writeFileSync(next, `${JSON.stringify(profile)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(next, file);
  } finally {
    rmSync(next, { force: true });
  }
}

export function removeProfile(env: Env): void {
  rmSync(profileFile(env), { force: true });
}

/** Ends the command where there is none. */
export function readProfile(env: Env): Profile {
  const profile = stored(profileFile(env)) ?? local(env);
  if (profile !== null) return profile;
  throw new Ended(EXIT.auth, 'not signed in: reeve login --url https://... < key, or npm start in a checkout');
}

function stored(file: string): Profile | null {
  const text = textOf(file);
  if (text === null) return null;
  const { url, key } = fieldsOf(text);
  if (typeof url === 'string' && typeof key === 'string') return { url: originOf(url), key };
  throw new Ended(EXIT.auth, `${file} cannot be read; reeve login writes it anew`);
}

/** What `npm start` leaves in its state folder. */
function local(env: Env): Profile | null {
  const header = textOf(join(given(env, 'REEVE_STATE_DIR', '.reeve'), 'auth-header')) ?? '';
  const key = /^Authorization: Bearer (\S+)$/m.exec(header)?.[1];
  return key === undefined ? null : { url: originOf(`http://127.0.0.1:${given(env, 'PORT', '8787')}`), key };
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
