import {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { changeAccounts, type AccountFiles } from '../../../../container/agents/users/account-files.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const PASSWD =
  'root:x:0:0:root:/root:/bin/bash\n# a remark\nreeve:x:1000:1000::/home/reeve:/bin/sh\nada:x:1001:1002::/:/bin/sh\n';
const GROUP = 'root:x:0:\nreeve-readers:x:500:ada\n';
const ENTRY = 'reeve-20000:*:20000:20000:Reeve agent:/state/home:/bin/sh\n';
const DEAD = String(2 ** 22 + 1);

let folder: string;
let files: AccountFiles;
let clock: ManualClock;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reeve-accounts-'));
  files = { passwd: join(folder, 'passwd'), group: join(folder, 'group') };
  writeFileSync(files.passwd, PASSWD);
  writeFileSync(files.group, GROUP);
  clock = new ManualClock();
});
afterEach(() => rmSync(folder, { recursive: true }));

const read = () => [readFileSync(files.passwd, 'utf8'), readFileSync(files.group, 'utf8')];
const add = () => changeAccounts(files, clock, ({ agents }) => [...agents, { uid: 20_000, home: '/state/home' }]);

it('an entry comes and goes, and every other line and the mode stay as they are', async () => {
  chmodSync(files.passwd, 0o640);
  await add();
  expect(read()).toEqual([PASSWD + ENTRY, `${GROUP}reeve-20000:*:20000:\n`]);
  expect(statSync(files.passwd).mode & 0o777).toBe(0o640);
  await changeAccounts(files, clock, ({ agents }) => {
    expect(agents).toEqual([{ uid: 20_000, home: '/state/home' }]);
    return [];
  });
  expect(read()).toEqual([PASSWD, GROUP]);
  expect(readdirSync(folder).toSorted()).toEqual(['group', 'passwd']);
});

it('numbers of all users and groups are reported as taken', async () => {
  await changeAccounts(files, clock, ({ taken, agents }) => {
    for (const one of [0, 1000, 1001, 500]) expect(taken).toContain(one);
    return agents;
  });
});

it('a group of an agent without its user goes with the next change', async () => {
  writeFileSync(files.group, `${GROUP}reeve-20007:*:20007:\n`);
  await changeAccounts(files, clock, ({ agents }) => agents);
  expect(read()).toEqual([PASSWD, GROUP]);
});

it('changes at once follow each other', async () => {
  const turns = Array.from({ length: 5 }, (_, nth) =>
    changeAccounts(files, clock, ({ agents }) => [...agents, { uid: 20_000 + nth, home: '/h' }]),
  );
  await clock.advance(1_000);
  await Promise.all(turns);
  expect(
    read()[0]
      ?.match(/^reeve-\d+/gm)
      ?.toSorted(),
  ).toEqual([0, 1, 2, 3, 4].map((nth) => `reeve-2000${nth}`));
});

it('a change waits five seconds for a lock that a living process holds, and then changes nothing', async () => {
  writeFileSync(join(folder, 'passwd.lock'), `${process.pid}\0`);
  const change = add();
  const failed = expect(change).rejects.toMatchObject({ name: 'AccountsLocked' });
  await clock.advance(5_100);
  await failed;
  expect(read()).toEqual([PASSWD, GROUP]);
  expect(readdirSync(folder).toSorted()).toEqual(['group', 'passwd', 'passwd.lock']);
});

it.each([DEAD, '', 'hush'])('a lock that no process holds is taken over (%j)', async (holder) => {
  writeFileSync(join(folder, 'group.lock'), holder);
  writeFileSync(join(folder, 'passwd.reeve'), 'left by one that was killed');
  await add();
  expect(read()[0]).toContain(ENTRY);
  expect(readdirSync(folder).toSorted()).toEqual(['group', 'passwd']);
});

it('a file that is a link stays one', async () => {
  const link = join(folder, 'link');
  symlinkSync(files.passwd, link);
  await changeAccounts({ ...files, passwd: link }, clock, () => [{ uid: 20_000, home: '/state/home' }]);
  expect(read()[0]).toBe(PASSWD + ENTRY);
});

it('a change that fails leaves files and locks as they were', async () => {
  await expect(changeAccounts(files, clock, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(read()).toEqual([PASSWD, GROUP]);
  expect(readdirSync(folder).toSorted()).toEqual(['group', 'passwd']);
});
