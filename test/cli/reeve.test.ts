/** The command line before the app, served over HTTP. */
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/ports.ts';
import { DEV_TOKEN } from '../support/bindings.ts';
import { FOREIGN, OWN } from '../support/fake-edge.ts';
import { json, signedIn } from './support/signed-in.ts';

const { scene, url, reeve, shell, close } = await signedIn();
const profile = join(shell.folder, 'config/reeve/profile.json');

afterAll(close);

describe('reeve login', () => {
  test('keeps address and key in a file that its owner alone can read, and the key in no output', async () => {
    const { code, stdout, stderr } = await shell.run(['login', '--url', `${url}/`], { stdin: DEV_TOKEN });
    expect([code, stdout]).toEqual([0, expect.stringContaining('dev')]);
    expect(json(readFileSync(profile, 'utf8'))).toEqual({ url, key: DEV_TOKEN });
    expect(statSync(profile).mode & 0o777).toBe(0o600);
    expect(stdout + stderr).not.toContain(DEV_TOKEN);
  });

  test('reads the key from a file, and keeps none that is not accepted', async () => {
    const other = reeve.openShell();
    const file = join(other.folder, 'a.key');
    writeFileSync(file, 'reeve_wrong');
    const { code, stderr } = await other.run(['login', '--url', url, '--key-file', file]);
    expect([code, stderr]).toEqual([4, expect.stringContaining('invalid_token')]);
    expect((await other.run(['whoami'])).stderr).toContain('not signed in');
  });

  test('sends no key in the clear to another machine', async () => {
    const { code, stderr } = await shell.run(['login', '--url', 'http://reeve.example.com'], { stdin: DEV_TOKEN });
    expect([code, stderr]).toEqual([2, expect.stringContaining('https://')]);
  });

  test('is not needed where npm start has left the header of its stack', async () => {
    const other = reeve.openShell();
    other.asLocalStack(DEV_TOKEN);
    const { code, stdout } = await other.run(['whoami', '--json'], { env: { PORT: new URL(url).port } });
    expect([code, json(stdout)]).toEqual([0, expect.objectContaining({ subject: 'dev', scope: 'admin' })]);
  });
});

describe('data', () => {
  test('is a table for people, one text for --json, a line for each thing with -o jsonl, and alone on stdout', async () => {
    const table = await shell.run(['towns', 'list']);
    expect([table.code, table.stderr]).toEqual([0, '']);
    expect(table.stdout).toMatch(new RegExp(`^ID +NAME +CREATED\n${OWN} +first `));
    expect(json((await shell.run(['towns', 'list', '--json'])).stdout)).toMatchObject([{ id: OWN, name: 'first' }]);
    const lines = (await shell.run(['-o', 'jsonl', 'towns', 'list'])).stdout.trim().split('\n');
    expect(lines.map(json)).toMatchObject([{ id: OWN }]);
  });

  test('of a town comes by its name too', async () => {
    expect(json((await shell.run(['towns', 'get', 'first', '--json'])).stdout)).toMatchObject({ id: OWN });
  });

  test('of a town that goes back: to a time, or by a bookmark, where a person agrees', async () => {
    const at = ['--at', '2026-11-25T12:00:00Z'];
    const refused = await shell.run(['towns', 'restore', 'first', ...at]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    const begun = await shell.run(['towns', 'restore', 'first', ...at, '--yes', '--json']);
    expect([begun.code, json(begun.stdout)]).toEqual([0, { undo: '0-0' }]);
    await shell.run(['towns', 'restore', 'first', '--bookmark', '0-0', '--yes']);
    const asked = scene.calls.filter(({ method }) => method === 'restore').map(({ given }) => given[0]);
    expect(asked).toEqual([{ atMs: Date.parse('2026-11-25T12:00:00Z') }, { bookmark: '0-0' }]);
    for (const wrong of [[], [...at, '--bookmark', '0-0']]) {
      expect((await shell.run(['towns', 'restore', 'first', ...wrong, '--yes'])).code).toBe(2);
    }
  });

  test('of an agent: created, read, refreshed, and ended where a person agrees', async () => {
    const made = json((await shell.run(['agents', 'create', OWN, 'ada', '--json'])).stdout);
    expect(made).toMatchObject({ name: 'ada', credential: {} });
    expect((await shell.run(['agents', 'list', OWN])).stdout).toMatch(/^NAME .*\nada /);
    expect((await shell.run(['agents', 'refresh', OWN, 'ada', '--revoke-older'])).stdout).toMatch(/^DUE /);
    const refused = await shell.run(['agents', 'delete', OWN, 'ada']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect(json((await shell.run(['agents', 'get', OWN, 'ada', '--json'])).stdout)).not.toMatchObject({
      state: 'retired',
    });
    const ended = await shell.run(['agents', 'delete', OWN, 'ada', '--yes', '--json']);
    expect(json(ended.stdout)).toMatchObject({ state: 'retired', confirmed: true });
  });

  test('of a credential: its tokens over time, and both lists for a program', async () => {
    await shell.run(['agents', 'create', OWN, 'eve']);
    expect((await shell.run(['agents', 'credential', 'first', 'eve'])).stdout).toMatch(/^GENERATION .*\n1 +start /);
    const { stdout } = await shell.run(['agents', 'credential', 'first', 'eve', '--json']);
    expect(json(stdout)).toMatchObject({ items: [{ generation: 1 }], refusals: [] });
  });

  test('of containers: where each is listed with its state', async () => {
    const { stdout } = await shell.run(['containers', 'list', 'first']);
    expect(stdout).toMatch(new RegExp(`^CONTAINER +STATE .*\n${OWN}:0 +idle `));
  });

  test('of a message that is sent from stdin, with its key, without a wait', async () => {
    await shell.run(['agents', 'create', OWN, 'bob']);
    const sent = await shell.run(['send', OWN, 'bob', '--no-wait', '--key', 'k-1', '--json'], { stdin: 'a task\n' });
    expect([sent.code, json(sent.stdout)]).toEqual([
      0,
      expect.objectContaining({ content: 'a task\n', state: 'queued' }),
    ]);
    expect(scene.calls.findLast(({ method }) => method === 'sendMessage')?.given[1]).toMatchObject({
      idempotencyKey: 'k-1',
    });
  });

  test('of what was waited for is the same as where it is read', async () => {
    expect((await shell.run(['wait', OWN, 'bob', '--for', 'idle'])).stdout).toMatch(/^NAME +bob\nSTATE +idle\n/);
    expect(json((await shell.run(['wait', OWN, 'bob', '--for', 'idle', '--json'])).stdout)).toMatchObject({
      name: 'bob',
    });
  });

  test('of a key is its text alone', async () => {
    const { stdout, stderr } = await shell.run(['keys', 'create', 'phone', '--scope', 'read', '--days', '3']);
    expect(stdout).toMatch(/^reeve_\S+\n$/);
    expect(stderr).not.toContain(stdout.trim());
    expect((await shell.run(['keys', 'list'])).stdout).toContain('phone');
  });

  test('of a link for the console is its address alone, which signs in with as much as was said', async () => {
    const { stdout, stderr } = await shell.run(['console', '--scope', 'read']);
    const [, code = ''] = new RegExp(`^${url}/#sign-in=([\\w-]{43})\n$`).exec(stdout) ?? [];
    expect([stdout, stderr]).toEqual([
      expect.stringContaining(code),
      expect.stringMatching(/^reeve: good once, until /),
    ]);
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }) };
    expect(await (await fetch(`${url}/v1/sign-in`, init)).json()).toMatchObject({ scope: 'read' });
    expect(json((await shell.run(['console', '--json'])).stdout)).toMatchObject({ code: expect.any(String) as string });
  });

  test('of health: 0 where a town is green, 1 where it is red, with advice', async () => {
    const green = await shell.run(['health', OWN]);
    expect([green.code, green.stdout]).toEqual([0, 'green\n']);
    const reason = {
      code: 'x',
      status: 'red',
      agent: null,
      since: '2030-01-01T00:00:00Z',
      detail: 'broken',
      advice: 'mend it',
    };
    scene.town.instead = () => ({ ok: true, value: { status: 'red', reasons: [reason] } });
    const red = await shell.run(['health', OWN]);
    expect([red.code, red.stdout]).toEqual([1, expect.stringContaining('mend it')]);
  });
});

describe('exit codes', () => {
  test.each([
    ['2: a command that there is not', ['towns', 'lst'], 2, 'Did you mean list'],
    ['2: an option that there is not', ['towns', 'list', '--all'], 2, '--all'],
    ['2: a format that there is not', ['towns', 'list', '-o', 'yaml'], 2, 'jsonl'],
    ['2: a place that is no number', ['events', OWN, '--after', 'now'], 2, 'a number'],
    ['2: a body that does not fit', ['towns', 'create', 'No Name'], 2, 'name'],
    ['3: a town of others', ['towns', 'get', FOREIGN], 3, 'not_found'],
    ['3: a name that no town has', ['health', 'nowhere'], 3, 'nowhere'],
    ['5: a name that is in use', ['agents', 'create', OWN, 'bob'], 5, 'name_taken'],
    [
      '6: a state that does not come in time',
      ['wait', OWN, 'bob', '--for', 'failed', '--timeout', '1'],
      6,
      'within 1 s',
    ],
  ])('%s', async (_, args, code, line) => {
    const ran = await shell.run(args);
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, '', expect.stringContaining(line)]);
  });

  test('7: nothing listens there; doctor says what to look at', async () => {
    const other = reeve.openShell();
    other.asLocalStack('any');
    const env = { PORT: String(await freePort()) };
    const listed = await other.run(['towns', 'list'], { env });
    expect([listed.code, listed.stderr]).toEqual([7, expect.stringContaining('ECONNREFUSED')]);
    const doctor = await other.run(['doctor'], { env });
    expect([doctor.code, doctor.stdout]).toEqual([
      1,
      expect.stringMatching(/^fail {2}address .*ECONNREFUSED.*\n.*npm start/),
    ]);
  });

  test('130: Ctrl-C ends the watching of a turn, and says that the turn goes on', async () => {
    const { child, said } = shell.start(['send', OWN, 'bob', 'good morning']);
    await expect.poll(() => scene.calls.filter(({ method }) => method === 'getMessage').length).toBeGreaterThan(0);
    child.kill('SIGINT');
    const [code]: unknown[] = await once(child, 'close');
    expect([code, said.stdout]).toEqual([130, '']);
    expect(said.stderr).toMatch(new RegExp(`the turn goes on: reeve messages get ${OWN} bob msg_\\S+\n$`));
  });
});

describe('following a town', () => {
  test('that is not reached is said once, with the reason, and tried again until Ctrl-C', async () => {
    const other = reeve.openShell();
    other.asLocalStack('any');
    let tries = 0;
    const deaf = createServer((socket) => {
      tries += 1;
      // One whose other end is killed while it writes is no failure of the test.
      socket.on('error', () => undefined);
      socket.end('no answer of a server\r\n\r\n');
    });
    await once(deaf.listen(0, '127.0.0.1'), 'listening');
    const { port: closed } = deaf.address() as AddressInfo;
    const { child, said } = other.start(['tail', OWN, '-o', 'jsonl'], { PORT: String(closed) });
    await expect.poll(() => tries).toBeGreaterThan(2);
    child.kill('SIGINT');
    const [code]: unknown[] = await once(child, 'close');
    expect([code, said.stdout]).toEqual([130, '']);
    expect(said.stderr).toMatch(/^reeve: The server is not reached: .+; trying again\n$/);
    deaf.close();
  });

  test('ends where it may not be read', async () => {
    const { code, stdout, stderr } = await shell.run(['events', FOREIGN, '-f']);
    expect([code, stdout, stderr]).toEqual([3, '', expect.stringContaining('not_found')]);
  });
});

describe('help', () => {
  test('ends quietly where the reader of its output is gone', async () => {
    const { child, said } = shell.start(['--help']);
    child.stdout.destroy();
    await once(child, 'close');
    expect(said.stderr).toBe('');
  });

  test('shows examples and exit codes, on stdout', async () => {
    const { code, stdout, stderr } = await shell.run(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/Exit codes:.*\n[\s\S]*Examples:/);
  });

  test('completes commands for a shell', async () => {
    const { stdout } = await shell.run(['complete', '--', 'agents', 're']);
    expect(stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(
      expect.arrayContaining(['refresh', 'revoke']),
    );
    expect((await shell.run(['complete', 'bash'])).stdout).toContain('reeve');
  });
});
