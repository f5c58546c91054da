import fs, {
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Cell } from '../../../container/clients/cell.ts';
import { AgentNotLive, Registry, type RegistryEntry, type TokenClient } from '../../../container/clients/registry.ts';
import {
  CredentialFileError,
  openCredentialFile,
  type CredentialFile,
  type FileOwner,
} from '../../../container/credentials/credential-file.ts';
import { FakeTownApi } from '../support/fake-town-api.ts';
import { agentId } from '../../support/ids.ts';

const AGENT = agentId(1);
let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'reeve-credential-'))));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

interface Scene {
  readonly town: FakeTownApi;
  readonly registry: Registry;
  readonly entry: RegistryEntry;
  readonly first: string;
  readonly errors: unknown[];
  readonly open: (owner?: FileOwner | null) => CredentialFile;
}

function live(inc = 1): Scene {
  const [town, registry, errors] = [new FakeTownApi(() => Date.UTC(2027, 0, 1)), new Registry(), new Array<unknown>()];
  const issued = town.mint(AGENT, inc);
  const entry = registry.open(new Cell(issued), (thrown) => errors.push(thrown));
  const open = (owner: FileOwner | null = null): CredentialFile =>
    openCredentialFile({ registry, agent: AGENT, inc, directory, owner });
  return { town, registry, entry, first: issued.token, errors, open };
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** The mode of each file in the moment in which it exists, while `work` runs under a umask. */
function modesAtCreation(umask: number, work: () => void): number[] {
  const modes: number[] = [];
  const open = fs.openSync;
  const before = process.umask(umask);
  fs.openSync = (...args: Parameters<typeof open>) => {
    const file = open(...args);
    modes.push(fstatSync(file).mode & 0o777);
    return file;
  };
  syncBuiltinESMExports();
  try {
    work();
  } finally {
    process.umask(before);
    fs.openSync = open;
    syncBuiltinESMExports();
  }
  return modes;
}

describe('M-22: the credential file', () => {
  it('holds the current token, and each new one as soon as it is swapped in', () => {
    const { town, entry, first, open } = live();
    const { path } = open();
    expect(readFileSync(path, 'utf8')).toBe(first);
    const second = town.mint(AGENT);
    entry.swap(second);
    expect(readFileSync(path, 'utf8')).toBe(second.token);
    expect(readdirSync(directory)).toEqual(['token-1']);
  });

  it.each([0o000, 0o022, 0o777])('is 0600 from its creation, under a umask of %o', (umask) => {
    const { town, entry, open } = live();
    const modes = modesAtCreation(umask, () => {
      const { path } = open();
      expect(modeOf(path)).toBe(0o600);
      entry.swap(town.mint(AGENT));
      expect(modeOf(path)).toBe(0o600);
    });
    expect(modes).toEqual([0o600 & ~umask, 0o600 & ~umask]);
  });

  it('is replaced by rename: who has it open reads the token that was there, whole', () => {
    const { town, entry, first, open } = live();
    const { path } = open();
    const held = fs.openSync(path, 'r');
    const inode = statSync(path).ino;
    entry.swap(town.mint(AGENT));
    expect(fs.readFileSync(held, 'utf8')).toBe(first);
    fs.closeSync(held);
    expect(statSync(path).ino).not.toBe(inode);
  });

  it('is not written again with the same token, however often it comes', () => {
    const clients: TokenClient[] = [];
    const registry = {
      register: (_agent: string, client: TokenClient) => {
        clients.push(client);
        void client.setToken('one');
        return () => undefined;
      },
    };
    const push = (token: string): void => clients.forEach((client) => void client.setToken(token));
    const writes = modesAtCreation(0o022, () => {
      const { path } = openCredentialFile({ registry, agent: AGENT, inc: 1, directory, owner: null });
      push('one');
      push('two');
      push('two');
      expect(readFileSync(path, 'utf8')).toBe('two');
    });
    expect(writes).toHaveLength(2);
  });

  it("is the agent's user's where it has one, and its own group's", () => {
    const { uid, gid } = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    // Only root may give a file away; any other user shows it with itself.
    const owner = uid === 0 ? { uid: 64_321, gid: 64_322 } : { uid, gid };
    const { town, entry, open } = live();
    const { path } = open(owner);
    expect(statSync(path)).toMatchObject(owner);
    entry.swap(town.mint(AGENT));
    expect(statSync(path)).toMatchObject(owner);
    expect(modeOf(path)).toBe(0o600);
  });

  it.each([
    ['the teardown of its agent', ({ entry }: Scene) => entry.release()],
    ['its close', (_scene: Scene, file: CredentialFile) => file.close()],
    [
      'another incarnation of its agent',
      ({ registry, town }: Scene) => {
        registry.open(new Cell(town.mint(AGENT, 2)), () => {});
      },
    ],
  ])('is removed at %s, and not written again', (_what, end) => {
    const scene = live();
    const file = scene.open();
    end(scene, file);
    expect(readdirSync(directory)).toEqual([]);
    scene.entry.swap(scene.town.mint(AGENT));
    file.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('is no client of its agent any more once it is closed', () => {
    const { registry, open } = live();
    const file = open();
    expect(registry.clients).toBe(1);
    file.close();
    expect(registry.clients).toBe(0);
  });

  it('K-03: takes no descriptor that it does not give back', () => {
    const { entry, town, open } = live();
    open();
    const before = readdirSync('/proc/self/fd').length;
    for (let swaps = 0; swaps < 50; swaps += 1) entry.swap(town.mint(AGENT));
    expect(readdirSync('/proc/self/fd').length).toBeLessThan(before + 50);
  });

  it('of an incarnation that is over does not take the file of the next with it', () => {
    const earlier = live();
    const file = earlier.open();
    const next = live(2);
    const { path } = next.open();
    file.close();
    expect(readFileSync(path, 'utf8')).toBe(next.first);
  });

  it('does not follow what lies in its place', () => {
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'untouched');
    fs.symlinkSync(victim, join(directory, 'token-1'));
    const { first, open } = live();
    const { path } = open();
    expect([readFileSync(victim, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['untouched', first]);
  });
});

describe('a credential file that cannot be written', () => {
  it('is reported at once, without the token, and leaves neither file nor client', () => {
    const { town, entry, first, open, errors } = live();
    mkdirSync(join(directory, 'token-1'));
    writeFileSync(join(directory, 'token-1', 'x'), '');
    const thrown = caught(open);
    expect(thrown).toBeInstanceOf(CredentialFileError);
    expect(thrown).toHaveProperty('message', expect.stringMatching(/^the credential file cannot be written: E[A-Z]+$/));
    expect(readdirSync(directory)).toEqual(['token-1']);
    entry.swap(town.mint(AGENT));
    expect(errors).toHaveLength(1);
    expect(JSON.stringify([thrown, errors, errors.map(String), String(thrown)])).not.toContain(first);
  });

  it('later keeps the token before, is reported, and holds the next one again', () => {
    const { town, entry, open, errors } = live();
    const { path } = open();
    rmSync(path);
    mkdirSync(path);
    writeFileSync(join(path, 'x'), '');
    expect(entry.swap(town.mint(AGENT))).toBe('applied');
    expect(errors).toHaveLength(1);
    rmSync(path, { recursive: true });
    const third = town.mint(AGENT);
    entry.swap(third);
    expect(readFileSync(path, 'utf8')).toBe(third.token);
    expect(readdirSync(directory)).toEqual(['token-1']);
  });

  it('of an agent that is not live is refused', () => {
    const { entry, open } = live();
    entry.release();
    expect(open).toThrow(AgentNotLive);
  });
});

it('K-03: 1,000 starts and ends leave no file and no key', () => {
  const registry = new Registry();
  const town = new FakeTownApi(() => Date.UTC(2027, 0, 1));
  for (let inc = 1; inc <= 1000; inc += 1) {
    const entry = registry.open(new Cell(town.mint(AGENT, inc)), () => {});
    openCredentialFile({ registry, agent: AGENT, inc, directory, owner: null });
    entry.release();
  }
  expect([readdirSync(directory), registry.size]).toEqual([[], 0]);
});

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (thrown) {
    return thrown;
  }
}
