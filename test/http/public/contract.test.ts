/** `/openapi.json` as the programs of others read it: a linter, and two generators of clients. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { generateSource } from 'oazapfts';
import { generateApi } from 'swagger-typescript-api';
import { afterAll, describe, expect, test } from 'vitest';
import { makeScene } from '../../support/fake-edge.ts';

const ROOT = join(import.meta.dirname, '../../..');
const scene = await makeScene();
const text = await (await scene.send('GET', '/openapi.json', { bearer: null })).text();
// In the project, so that what is generated finds the packages that it imports.
const folder = mkdtempSync(join(ROOT, 'node_modules/.contract-'));
const file = join(folder, 'openapi.json');
writeFileSync(file, text);
afterAll(() => rmSync(folder, { recursive: true }));

const LINT: Parameters<typeof createConfig>[0] = {
  extends: ['recommended-strict'],
  rules: {
    'no-invalid-schema-examples': 'error',
    'no-invalid-media-type-examples': 'error',
    'tag-description': 'off',
    // An upgrade to a WebSocket succeeds with 101, and its frames are the body of no route.
    'operation-2xx-response': 'off',
    'no-unused-components': 'off',
    // The door of OpenAI's clients has one form for all that it refuses: `default`.
    'operation-4xx-response': 'off',
  },
};

/** What the linter says of a document. */
async function faultsOf(source: string): Promise<string[]> {
  const config = await createConfig(LINT);
  const problems = await lintFromString({ source, config, absoluteRef: file });
  return problems.map(({ ruleId, message, location: [at] }) => `${ruleId} ${at?.pointer ?? ''}: ${message}`);
}

/** What the compiler says of a module that a generator wrote. */
function compilerFaults(name: string, source: string): string {
  const module = join(folder, name);
  writeFileSync(module, source);
  const args = [
    join(ROOT, 'node_modules/typescript/bin/tsc'),
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
  ];
  const target = ['--target', 'es2024', '--lib', 'es2024,dom', '--module', 'nodenext'];
  try {
    return execFileSync(process.execPath, [...args, ...target, module], { encoding: 'utf8', stdio: 'pipe' });
  } catch (thrown) {
    return thrown instanceof Error && 'stdout' in thrown ? String(thrown.stdout) : String(thrown);
  }
}

describe('the description of the API', () => {
  test('has nothing that the strict rules of a linter find, its examples too', async () => {
    expect(await faultsOf(text)).toEqual([]);
  });

  test('is found wanting by the linter where an example does not fit its schema', async () => {
    const wrong = text.replaceAll('"state":"done","content"', '"state":"asleep","content"');
    expect(await faultsOf(wrong)).toContainEqual(expect.stringContaining('no-invalid-schema-examples'));
  });

  test('makes a client with one generator, which compiles and calls operations by their names', async () => {
    const source = await generateSource(file, {});
    for (const name of ['createTown', 'sendMessage', 'listEvents', 'answerPermission']) {
      expect(source).toContain(`export function ${name}(`);
    }
    expect(compilerFaults('oazapfts.ts', source)).toBe('');
  });

  test('makes types with another, in which an event is a union by its type', async () => {
    const { files } = await generateApi({ input: file, output: false, silent: true });
    const source = files.map(({ fileContent }) => fileContent).join('\n');
    const use = `
      export const replyOf = (event: Event): string | null | undefined =>
        event.type === 'reeve.turn.finished' ? event.data.reply : null;`;
    expect(compilerFaults('types.ts', `${source}${use}`)).toBe('');
  });
});
