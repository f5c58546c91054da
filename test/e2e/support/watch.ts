/** Watches all descendants of this process: what stands in their arguments, and in files that they write and remove again. */
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';

/** What was seen of the processes of a run. */
export interface Seen {
  /** Each command line once. */
  readonly commandLines: ReadonlySet<string>;
  /** Files outside of `known` that a process had open for writing, with the content that was seen last. */
  readonly written: ReadonlyMap<string, string>;
}

const EVERY_MS = 100;
/** `O_WRONLY` and `O_RDWR` (fcntl.h), in the octal flags of /proc/<pid>/fdinfo. */
const WRITES = 0o3;
/** Logs and databases of a run are far smaller; what is larger is not one of them. */
const MAX_BYTES = 32 * 1024 * 1024;

/** @param known folder whose files another reader reads */
export function watchDescendants(known: string): { stop(): Seen } {
  const commandLines = new Set<string>();
  const written = new Map<string, string>();
  const look = (): void => {
    if (process.platform !== 'linux') return;
    for (const pid of descendantsOf(process.pid)) {
      commandLines.add(commandLineOf(pid));
      for (const { path, read } of openForWriting(pid, known))
        written.set(path, quietly(read) ?? written.get(path) ?? '');
    }
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    stop: () => {
      look();
      clearInterval(timer);
      return { commandLines, written };
    },
  };
}

/** Arguments with a blank after each; empty where the process has just gone. */
export function commandLineOf(pid: string): string {
  return (quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '').replaceAll('\0', ' ');
}

/** Needs /proc. */
export function descendantsOf(root: number): string[] {
  const parents = new Map<string, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // After the name in parentheses: state, then the parent.
    const parent = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]);
    if (parent !== undefined) parents.set(pid, parent);
  }
  const isBelow = (pid: string): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === String(root) || isBelow(parent));
  };
  return [...parents.keys()].filter(isBelow);
}

function openForWriting(pid: string, known: string): { path: string; read: () => string }[] {
  const numbers = quietly(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  return numbers.flatMap((number) => {
    const open = `/proc/${pid}/fd/${number}`;
    const path = quietly(() => readlinkSync(open)) ?? '';
    const flags = quietly(() => /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${number}`, 'utf8'))?.[1]);
    if (!path.startsWith('/') || path.startsWith('/dev/') || path.startsWith(known)) return [];
    const writes = (Number.parseInt(flags ?? '0', 8) & WRITES) !== 0;
    const regular = quietly(() => statSync(open).isFile() && statSync(open).size <= MAX_BYTES) === true;
    return writes && regular ? [{ path, read: () => readFileSync(open, 'latin1') }] : [];
  });
}

/** Undefined where the process, or the file, has just gone. */
export function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
