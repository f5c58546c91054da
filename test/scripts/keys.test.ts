import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { main } from '../../scripts/keys.ts';
import { KeyRing } from '../../src/tokens/key-ring.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { privateKeySetSchema, type PrivateKeySet } from '../../src/tokens/key-set.ts';

const SCRIPT = join(import.meta.dirname, '../../scripts/keys.ts');

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'reeve-keys-'));
});
afterEach(() => rm(directory, { recursive: true }));
const file = (name = 'keys.json') => join(directory, name);

/** Runs one command in this process. */
async function keys(argv: readonly string[], stdin = '') {
  const out = { stdout: '', stderr: '' };
  const code = await main(argv, {
    stdin: Object.assign(
      (async function* () {
        yield Buffer.from(stdin);
      })(),
      { isTTY: false },
    ),
    stdout: { write: (text) => (out.stdout += text) },
    stderr: { write: (text) => (out.stderr += text) },
    npmPrints: false,
    now: () => 0,
    wrangler: () => Promise.reject(new Error('a key set needs no wrangler')),
  });
  return { code, ...out };
}

const parse = (text: string): PrivateKeySet => privateKeySetSchema.parse(JSON.parse(text));
const statesOf = (text: string) => parse(text).keys.map((key) => key.reeve_state);
const readSet = async (name?: string) => readFile(file(name), 'utf8');

describe('npm run keys', () => {
  test('new prints a set on one line that signs at once, and prints nothing private beside it', async () => {
    const { code, stdout, stderr } = await keys(['new']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\{.*\}\n$/);
    const set = parse(stdout);
    expect((await KeyRing.import(set)).signing.kid).toBe(set.keys[0]?.kid);
    expect(stderr).toBe(`active  ${set.keys[0]?.kid}\n`);
    expect(stderr).not.toContain(set.keys[0]?.d);
  });

  test('a rotation goes from stdin to stdout, command by command', async () => {
    const { stdout: first } = await keys(['new']);
    const { stdout: rotated } = await keys(['rotate'], first);
    expect(statesOf(rotated)).toEqual(['active', 'next']);
    const { stdout: activated, stderr } = await keys(['activate'], rotated);
    expect(statesOf(activated)).toEqual(['verify', 'active']);
    expect(parse(activated).keys.map(({ kid }) => kid)).toEqual(parse(rotated).keys.map(({ kid }) => kid));
    for (const { kid, d } of parse(activated).keys) {
      expect(stderr).toContain(kid);
      expect(stderr).not.toContain(d);
    }
    const { stdout: pruned } = await keys(['prune'], activated);
    expect(statesOf(pruned)).toEqual(['active']);
  });

  test('taint takes the kid of any key, also one that begins with a dash, before or after the options', async () => {
    const active = await newKey('active');
    // Of its own, because the active one may begin with a dash too.
    const dashed = { ...(await newKey('verify')), kid: `-${'A'.repeat(42)}` };
    for (const argv of [
      ['taint', dashed.kid, '--file', file()],
      ['taint', '--file', file(), dashed.kid],
    ]) {
      await writeFile(file(), JSON.stringify({ keys: [active, dashed] }));
      expect(await keys(argv)).toMatchObject({ code: 0 });
      expect(statesOf(await readSet())).toEqual(['active', 'tainted']);
    }
  });

  test('taint of the active key hands over to the next, or to a fresh one', async () => {
    const { stdout: first } = await keys(['new']);
    const { stdout: rotated } = await keys(['rotate'], first);
    const kid = parse(first).keys[0]?.kid ?? '';
    expect(statesOf((await keys(['taint', kid], rotated)).stdout)).toEqual(['tainted', 'active']);
    const { stdout: fresh } = await keys(['taint', kid], first);
    expect(statesOf(fresh)).toEqual(['tainted', 'active']);
    await KeyRing.import(parse(fresh));
  });
});

describe('a file of keys', () => {
  const mode = async (name?: string) => (await stat(file(name))).mode & 0o777;

  test('is for its owner only, when it is made and after each edit, whatever it was before', async () => {
    expect(await keys(['new', '--file', file()])).toMatchObject({ code: 0, stdout: '' });
    expect(await mode()).toBe(0o600);
    await chmod(file(), 0o644);
    expect(await keys(['rotate', '--file', file()])).toMatchObject({ code: 0, stdout: '' });
    expect(await mode()).toBe(0o600);
    expect(statesOf(await readSet())).toEqual(['active', 'next']);
  });

  test('is not overwritten by new, unless that is said', async () => {
    await keys(['new', '--file', file()]);
    const before = await readSet();
    expect(await keys(['new', '--file', file()])).toMatchObject({ code: 2, stdout: '' });
    expect(await readSet()).toBe(before);
    expect(await keys(['new', '--file', file(), '--force'])).toMatchObject({ code: 0 });
    expect(await readSet()).not.toBe(before);
    expect(await mode()).toBe(0o600);
  });

  test('is replaced as a whole: nothing stays beside it, and a refused edit leaves it as it was', async () => {
    await keys(['new', '--file', file()]);
    await keys(['rotate', '--file', file()]);
    const before = await readSet();
    expect(await keys(['rotate', '--file', file()])).toMatchObject({ code: 2 });
    expect(await readSet()).toBe(before);
    expect(await readdir(directory)).toEqual(['keys.json']);
  });

  test('may be a link, which stays one', async () => {
    await keys(['new', '--file', file('real.json')]);
    await symlink('real.json', file('link.json'));
    expect(await keys(['rotate', '--file', file('link.json')])).toMatchObject({ code: 0 });
    expect(statesOf(await readSet('real.json'))).toEqual(['active', 'next']);
    expect((await readdir(directory)).toSorted()).toEqual(['link.json', 'real.json']);
  });
});

describe('what cannot be done is said in one line, with exit code 2', () => {
  const refusals: [string, string[], string, RegExp][] = [
    ['no command', [], '', /expected one of new, rotate/],
    ['an unknown command', ['destroy'], '', /expected one of new, rotate/],
    ['an unknown option', ['new', '--fast'], '', /--fast/],
    ['an argument too many', ['rotate', 'now'], '', /takes no argument/],
    ['taint without a kid', ['taint'], '', /takes one kid/],
    ['force where there is nothing to force', ['rotate', '--force'], '', /--force is for new only/],
    ['no JSON', ['rotate'], 'nonsense', /stdin holds no JSON/],
    ['nothing at all', ['rotate'], '', /stdin holds no JSON/],
    ['JSON of another kind', ['rotate'], '{"keys":[{"kty":"RSA"}]}', /keys\.0\.kty must be EC/],
    ['a set without keys', ['activate'], '{"keys":[]}', /must hold at least one key/],
    ['a file that is not there', ['rotate', '--file', '/nowhere/keys.json'], '', /does not exist/],
  ];
  for (const [name, argv, stdin, line] of refusals) {
    test(name, async () => {
      const { code, stdout, stderr } = await keys(argv, stdin);
      expect(code).toBe(2);
      expect(stdout).toBe('');
      expect(stderr).toMatch(line);
      expect(stderr).toMatch(/^keys: [^\n]+\n$/);
    });
  }

  test('an edit that the set does not allow', async () => {
    const { stdout: first } = await keys(['new']);
    const { stdout: rotated } = await keys(['rotate'], first);
    expect((await keys(['rotate'], rotated)).stderr).toBe('keys: the set has a next key already; activate it first\n');
    expect((await keys(['activate'], first)).stderr).toBe('keys: the set has no next key; rotate first\n');
    expect((await keys(['taint', 'x'.repeat(43)], first)).stderr).toBe('keys: the set has no key with this kid\n');
  });

  test('and no line quotes a private part', async () => {
    const key = await newKey('active');
    for (const broken of [
      { ...key, kty: 'RSA' },
      { ...key, d: `${key.d}x` },
      { ...key, reeve_state: key.d },
    ]) {
      const { code, stderr } = await keys(['rotate'], JSON.stringify({ keys: [broken] }));
      expect(code).toBe(2);
      expect(stderr).not.toContain(key.d);
    }
  });
});

describe('as a process', () => {
  test('help explains the commands, and a refusal ends with code 2', async () => {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [SCRIPT, '--help']);
    for (const word of ['new', 'rotate', 'activate', 'taint', 'prune', '--file']) expect(stdout).toContain(word);
    await expect(run(process.execPath, [SCRIPT, 'destroy'])).rejects.toMatchObject({ code: 2, stdout: '' });
  });

  test('through npm: as the README shows it the file holds a set; where npm would write into it too, nothing is made', async () => {
    const run = promisify(execFile);
    const env = { ...process.env, npm_config_loglevel: undefined };
    const { stdout } = await run('npm', ['run', '--silent', 'keys', '--', 'new'], { env });
    expect(statesOf(stdout)).toEqual(['active']);
    await run('npm', ['run', 'keys', '--', 'new', '--file', file()], { env });
    expect(statesOf(await readSet())).toEqual(['active']);
    const refused = run('npm', ['run', 'keys', '--', 'new'], { env });
    await expect(refused).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('use --file PATH') as string,
    });
    await expect(refused).rejects.toMatchObject({ stdout: expect.not.stringContaining('{') as string });
  });

  test('reads a set from a pipe and writes the next one to a pipe', async () => {
    const { stdout: set } = await keys(['new']);
    const child = spawn(process.execPath, [SCRIPT, 'rotate'], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.end(set);
    let rotated = '';
    for await (const chunk of child.stdout) rotated += String(chunk);
    expect(statesOf(rotated)).toEqual(['active', 'next']);
  });
});
