/** The page at `/docs`, as the Worker serves it; in a real browser where there is one. */
import { rmSync } from 'node:fs';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/ports.ts';
import { CHROMIUM, noBrowser } from '../support/chromium.ts';
import { endAll, run, untilPrinted } from './support/command.ts';
import { migratedFolder } from './support/migrated.ts';

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'];
/** What the page does not allow is said on its console. */
const TELL = "addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective, e.blockedURI))";

const stateDir = migratedFolder('reeve-docs-');
let origin: string;

beforeAll(async () => {
  const ports = { PORT: String(await freePort()), CONTAINER_PORT: String(await freePort()) };
  origin = `http://127.0.0.1:${ports.PORT}`;
  await untilPrinted(run('npm', ['start'], { REEVE_STATE_DIR: stateDir, ...ports }), `reeve ready: ${origin}`);
});

afterAll(async () => {
  await endAll();
  rmSync(stateDir, { recursive: true, force: true });
});

/** Everything that a page asked for, and what it complained of. */
async function open(browser: Browser) {
  const page = await browser.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => void asked.push(request.url()));
  page.on('pageerror', ({ message }) => void complaints.push(message));
  page.on('console', (line) => void (line.type() === 'error' && complaints.push(line.text())));
  await page.addInitScript(TELL);
  await page.goto(`${origin}/docs`);
  return { page, asked, complaints };
}

describe('the page of the API', () => {
  it('is served under a policy that lets nothing in from elsewhere, and no script but its own file', async () => {
    const page = await fetch(`${origin}/docs`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(policy).not.toMatch(/unsafe|https?:|\*|blob:/);
    for (const rule of ["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]) {
      expect(policy).toContain(rule);
    }
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    const script = await fetch(`${origin}/docs/redoc.standalone.js`);
    expect([script.status, script.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
  });

  it('stands in the way of no route: the Worker has all paths outside of /docs', async () => {
    for (const path of ['/docs.html', '/_headers', '/redoc.standalone.js']) {
      const answer = await fetch(`${origin}${path}`);
      expect([answer.status, answer.headers.get('content-type')], path).toEqual([404, 'application/problem+json']);
    }
    expect(await (await fetch(`${origin}/`)).json()).toMatchObject({ name: 'reeve', docs: `${origin}/docs` });
  });

  it('shows the operations in a browser, breaks no rule of its policy, and asks no other host', async (context) => {
    if (noBrowser !== null) context.skip(noBrowser);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: QUIET });
    try {
      const { page, asked, complaints } = await open(browser);
      await page.getByRole('heading', { name: 'Create and start an agent' }).waitFor();
      await page.getByRole('button', { name: /^201/ }).first().click();
      await page.getByText('next_sweep_at').first().waitFor();
      expect(complaints).toEqual([]);
      expect(asked.filter((url) => !url.startsWith('data:')).toSorted()).toEqual([
        `${origin}/docs`,
        `${origin}/docs/redoc.standalone.js`,
        `${origin}/openapi.json`,
      ]);
    } finally {
      await browser.close();
    }
  });
});
