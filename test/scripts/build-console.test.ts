import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { buildConsole } from '../../scripts/build-console.ts';
import { NOTICES } from '../../scripts/notices.ts';

/** Of what a first visit loads, compressed (bytes). */
const MOST = { js: 45 * 1024, css: 12 * 1024 };

const assets = mkdtempSync(join(tmpdir(), 'reeve-console-'));
const folder = join(assets, 'console');

beforeAll(() => buildConsole(assets));
afterAll(() => rmSync(assets, { recursive: true }));

describe('the console as it is built', () => {
  test('has its page outside of the folder that is served as it is, and all else in it', () => {
    expect(readdirSync(assets).toSorted()).toEqual(['console', 'console.html']);
    const page = readFileSync(join(assets, 'console.html'), 'utf8');
    const named = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address = '']) => address);
    expect(named).toHaveLength(3);
    for (const address of named) expect(readdirSync(folder)).toContain(address.replace(/^\/console\//, ''));
    expect(page).not.toMatch(/<script(?![^>]*src=)|<style|\son\w+=|style=/);
  });

  test.each(['js', 'css'] as const)('has no more %s than people on a slow network wait for', (kind) => {
    const files = readdirSync(folder).filter((name) => name.endsWith(`.${kind}`));
    const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(folder, name))).length, 0);
    expect(files.length).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(MOST[kind]);
  });

  test('carries the license of each package that is in it', () => {
    const notices = readFileSync(join(folder, NOTICES), 'utf8');
    expect([...notices.matchAll(/^(\S+) [\d.]+ \(MIT\)$/gm)].map(([, name]) => name)).toEqual([
      '@preact/signals',
      '@preact/signals-core',
      'preact',
    ]);
    expect(notices.match(/^Copyright \(c\) .*Jason Miller|^Copyright \(c\) .*Preact Team/gm)).toHaveLength(3);
  });

  test('names no other host but the namespaces of its pictures', () => {
    for (const name of readdirSync(folder)) {
      const addresses = readFileSync(join(folder, name), 'utf8').match(/\bhttps?:\/\/[\w.-]+/g) ?? [];
      expect(
        addresses.filter((address) => address !== 'http://www.w3.org'),
        name,
      ).toEqual([]);
    }
  });

  test('is the same whoever builds it: a test, whose environment says so, or a deployment', async () => {
    const built = readFileSync(join(folder, 'index.js'), 'utf8');
    expect(process.env['NODE_ENV']).toBe('test');
    vi.stubEnv('NODE_ENV', 'production');
    writeFileSync(join(folder, 'source.txt'), 'another');
    writeFileSync(join(folder, 'index.js'), '');
    await buildConsole(assets);
    vi.unstubAllEnvs();
    // Compared here, because what differs would be a whole bundle.
    expect(readFileSync(join(folder, 'index.js'), 'utf8') === built).toBe(true);
  });

  test('is left alone where nothing of it has changed, and where it has, nothing of before stays', async () => {
    const before = statSync(join(folder, 'source.txt'));
    await buildConsole(assets);
    expect(statSync(join(folder, 'source.txt')).ino).toBe(before.ino);
    writeFileSync(join(folder, 'old.js'), '');
    writeFileSync(join(folder, 'source.txt'), 'another');
    await buildConsole(assets);
    expect(readdirSync(folder)).not.toContain('old.js');
  });
});
