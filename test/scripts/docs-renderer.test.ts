import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { copyRenderer } from '../../scripts/docs-renderer.ts';

const ASSETS = join(import.meta.dirname, '../../assets');
const assets = mkdtempSync(join(tmpdir(), 'reeve-docs-'));
const folder = join(assets, 'docs');

afterAll(() => rmSync(assets, { recursive: true }));

test('the renderer comes with the licenses of what is in it, and names no picture, style or script of another host', () => {
  copyRenderer(assets);
  expect(readdirSync(folder).toSorted()).toEqual(['redoc.standalone.js', 'redoc.standalone.js.LICENSE.txt']);
  const script = readFileSync(join(folder, 'redoc.standalone.js'), 'utf8');
  expect(script.length).toBeGreaterThan(500_000);
  expect(script.match(/https?:\/\/[^"'`\s]+\.(?:svg|png|ico|woff2?|css)\b|\/\/cdn\.|fonts\.googleapis/g)).toBeNull();
});

test('a copy that is there already stays untouched, so that a Worker which watches it does not start anew', () => {
  copyRenderer(assets);
  const before = statSync(join(folder, 'redoc.standalone.js'));
  copyRenderer(assets);
  const after = statSync(join(folder, 'redoc.standalone.js'));
  expect([after.ino, after.mtimeMs]).toEqual([before.ino, before.mtimeMs]);
});

test('the page has neither script nor style of its own, and takes both from its own origin', () => {
  const page = readFileSync(join(ASSETS, 'docs.html'), 'utf8');
  expect([...page.matchAll(/<script\b[^>]*>([^<]*)<\/script>/g)].map(([, text]) => text)).toEqual(['']);
  expect(page).not.toMatch(/<style|style=|\son\w+=|javascript:|https?:|"\/\//);
});
