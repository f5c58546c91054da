/** The package as others get it: packed, and installed in a folder of its own that reaches no registry. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEV_TOKEN } from '../support/bindings.ts';
import { OWN, makeScene } from '../support/fake-edge.ts';
import type { FakeTownObject } from '../support/fake-town-object.ts';
import { serveScene } from '../support/served-edge.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'reeve-package-'));
const scene = await makeScene();
const server = await serveScene(scene);
/** Building, packing and installing take their time on a busy machine (ms). */
const PACKING_MS = 120_000;

beforeAll(async () => {
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', './reeve-0.1.0.tgz'], { cwd: folder });
}, PACKING_MS);

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Each example of a page of the documentation, as a module. */
const examplesOf = (page: string): string[] =>
  Array.from(readFileSync(join(ROOT, page), 'utf8').matchAll(/^```ts\n(.*?)^```$/gms), ([, code = '']) => code);

describe('the package', () => {
  test('installs nothing beside itself', () => {
    const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: object };
    expect(Object.keys(lock.packages)).toEqual(['', 'node_modules/reeve']);
  });

  test('creates a town, an agent and a message from plain Node, and fails with its own errors', async () => {
    const program = `
      import { createClient, ApiError } from 'reeve/client';
      const reeve = createClient({ url: process.env.URL, token: process.env.TOKEN });
      const { items: [town] } = await reeve.listTowns();
      await reeve.createAgent(town.id, { name: 'ada' });
      const { content } = await reeve.sendMessage(town.id, 'ada', 'good morning');
      const refused = await reeve.getAgent(town.id, 'bob').catch((error) => error);
      console.log(JSON.stringify([content, refused instanceof ApiError, refused.code]));`;
    writeFileSync(join(folder, 'use.js'), program);
    const env = { ...process.env, URL: server.url, TOKEN: DEV_TOKEN };
    const { stdout } = await run(process.execPath, ['use.js'], { cwd: folder, env });
    expect(JSON.parse(stdout)).toEqual(['good morning', true, 'not_found']);
  });

  test('goes into a page: a bundle for browsers asks for nothing of Node', async () => {
    const stdin = { contents: "export * from 'reeve/client';", resolveDir: folder };
    const { outputFiles } = await build({ stdin, bundle: true, format: 'esm', platform: 'browser', write: false });
    const text = outputFiles[0]?.text ?? '';
    expect(text).toContain('createClient');
    expect(text).not.toMatch(/\bprocess\b|\brequire\b|node:/);
  });

  test('has the client for agents too', async () => {
    const program = "import { openTown } from 'reeve/agent'; console.log(typeof openTown);";
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: folder });
    expect(stdout).toBe('function\n');
  });

  test.each(['nodenext', 'bundler'])(
    'has types for what docs/client.md shows, by %s resolution',
    async (resolution) => {
      const examples = examplesOf('docs/client.md');
      expect(examples.length).toBeGreaterThanOrEqual(3);
      const files = examples.map((code, nth) => {
        const file = `example-${nth}.ts`;
        writeFileSync(join(folder, file), code);
        return file;
      });
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const how =
        resolution === 'nodenext' ? ['--module', 'nodenext'] : ['--module', 'esnext', '--moduleResolution', 'bundler'];
      const args = [
        '--ignoreConfig',
        '--noEmit',
        '--strict',
        '--target',
        'es2024',
        '--lib',
        'es2024,dom',
        ...how,
        ...files,
      ];
      const said = await run(process.execPath, [tsc, ...args], { cwd: folder }).catch(
        (thrown: { stdout: string }) => thrown,
      );
      expect(said.stdout).toBe('');
    },
  );

  test('does what docs/client.md shows first', async () => {
    const [first = ''] = examplesOf('docs/client.md');
    const example = first.replace('https://reeve.example.com', server.url).replace('an API key', DEV_TOKEN);
    writeFileSync(join(folder, 'first.ts'), example);
    const running = run(process.execPath, ['first.ts'], { cwd: folder });
    await expect.poll(() => scene.calls.findLast(({ method }) => method === 'getMessage')).toBeDefined();
    const { town = OWN } = scene.calls.at(-1) ?? {};
    const { messages } = scene.edge.town(town) as FakeTownObject;
    // The town of this test runs no turns.
    messages.splice(
      0,
      1,
      ...messages.map((message) => ({ ...message, state: 'done' as const, reply: 'good evening' })),
    );
    const { stdout } = await running;
    expect(stdout).toBe('done good evening\n');
  });
});
