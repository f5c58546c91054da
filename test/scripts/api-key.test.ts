import { describe, expect, test } from 'vitest';
import { makeApiKey } from '../../scripts/api-key.ts';
import { ApiKeyStore } from '../../src/directory/api-key-store.ts';
import { apiKeyAuthenticator } from '../../src/people/api-key.ts';
import { directoryDatabase } from '../support/sqlite.ts';

const NOW_MS = Date.UTC(2030, 0, 1);

/** Runs the command over a directory in memory; wrangler is played by the statement that it is given. */
async function run(argv: readonly string[], code = 0) {
  const database = directoryDatabase();
  const out = { stdout: '', stderr: '', args: [] as readonly string[] };
  const exit = await makeApiKey(argv, {
    stdout: { write: (text) => (out.stdout += text) },
    stderr: { write: (text) => (out.stderr += text) },
    now: () => NOW_MS,
    wrangler: async (args) => {
      out.args = args;
      if (code === 0) await database.prepare(args.at(-1) ?? '').run();
      return code;
    },
  });
  const store = new ApiKeyStore(database);
  const people = apiKeyAuthenticator(
    (id) => store.get(id),
    () => NOW_MS,
  );
  return { exit, ...out, people };
}

describe('npm run keys -- api', () => {
  test('makes a key in the deployment that lets its person in, and prints it once', async () => {
    const { exit, stdout, stderr, args, people } = await run(['--name', "it's mine"]);
    expect(exit).toBe(0);
    expect(args.slice(0, 6)).toEqual(['d1', 'execute', 'DIRECTORY', '--remote', '--env', '']);
    expect((await run(['--name', 'a', '--env', 'staging'])).args.slice(3, 6)).toEqual(['--remote', '--env', 'staging']);
    const key = stdout.trim();
    expect(await people.authenticate(key)).toEqual({
      id: 'operator',
      endsAtMs: NOW_MS + 90 * 86_400_000,
      scope: 'admin',
      key: expect.stringMatching(/^key_/) as string,
    });
    expect(args.join(' ')).not.toContain(key.slice(-43));
    expect(stderr).not.toContain(key.slice(-43));
  });

  test('takes person, scope, days, and the folder of a local stack', async () => {
    const { stdout, args, people } = await run([
      '--name',
      'a',
      '--person',
      'oidc:ada',
      '--scope',
      'read',
      '--days',
      '1',
      '--local',
      '/tmp/state',
    ]);
    expect(args.slice(3, 6)).toEqual(['--local', '--persist-to', '/tmp/state/worker']);
    expect(await people.authenticate(stdout.trim())).toEqual({
      id: 'oidc:ada',
      endsAtMs: NOW_MS + 86_400_000,
      scope: 'read',
      key: expect.stringMatching(/^key_/) as string,
    });
  });

  test('prints no key where wrangler failed', async () => {
    const { exit, stdout, stderr } = await run(['--name', 'a'], 7);
    expect([exit, stdout]).toEqual([7, '']);
    expect(stderr).toContain('no key was made');
  });

  test.each([
    [[], '--name'],
    [['--name', 'a', '--scope', 'root'], '--scope'],
    [['--name', 'a', '--days', '0'], '--days'],
    [['--name', 'a', '--days', 'x'], '--days'],
    [['--name', 'a', '--more'], "Unknown option '--more'"],
  ])('refuses %j with one line and exit code 2', async (argv, word) => {
    const { exit, stderr, args } = await run(argv);
    expect([exit, args]).toEqual([2, []]);
    expect(stderr).toMatch(/^keys: .+\n$/);
    expect(stderr).toContain(word);
  });
});
