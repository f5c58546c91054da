import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mayUse } from '../../../../container/agents/users/may-use.ts';

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const STRANGER = { uid: 700_000, gid: 700_000 };
const OF_GROUP = { uid: 700_000, gid: own.gid };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reeve-may-'));
  chmodSync(folder, 0o711);
  mkdirSync(join(folder, 'a/b'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const set = (mode: number, path = 'a'): string => {
  chmodSync(join(folder, path), mode);
  return join(folder, 'a/b');
};

it('the mode decides: that of the owner, of the group, or of all others, and no other', () => {
  const everyone = [own, OF_GROUP, STRANGER];
  expect(everyone.map((user) => mayUse(set(0o711), user))).toEqual([true, true, true]);
  expect(everyone.map((user) => mayUse(set(0o710), user))).toEqual([true, true, false]);
  expect(everyone.map((user) => mayUse(set(0o701), user))).toEqual([true, false, true]);
  expect(everyone.map((user) => mayUse(set(0o011), user))).toEqual([false, true, true]);
  set(0o700);
  expect(mayUse(join(folder, 'a/b'), STRANGER)).toBe(false);
});

it('links are followed, and what lies on their way counts', () => {
  symlinkSync('a/../a/b', join(folder, 'link'));
  symlinkSync(join(folder, 'link'), join(folder, 'far'));
  expect(mayUse(join(folder, 'far'), STRANGER)).toBe(true);
  set(0o700);
  expect(mayUse(join(folder, 'far'), STRANGER)).toBe(false);
});

it('what is not there, and a link to itself, may not be used', () => {
  symlinkSync('loop', join(folder, 'loop'));
  expect(['loop', 'none', 'a/none'].map((path) => mayUse(join(folder, path), own))).toEqual([false, false, false]);
});

it('a file may be used where it may be executed', () => {
  const file = join(folder, 'a/file');
  writeFileSync(file, '', { mode: 0o644 });
  expect([own, STRANGER].map((user) => mayUse(file, user))).toEqual([false, false]);
  chmodSync(file, 0o755);
  expect([own, STRANGER].map((user) => mayUse(file, user))).toEqual([true, true]);
});
