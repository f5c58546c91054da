import { describe, expect, test } from 'vitest';
import { createApp } from '../../../src/http/app.ts';
import type { Edge } from '../../../src/http/edge/edge.ts';
import { makeScene } from '../../support/fake-edge.ts';
import type { Bindings } from '../../support/bindings.ts';

const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

/** The edge of a deployment whose static assets answer so. */
async function deployed(assets: Edge['assets'], changes: Bindings = {}) {
  const { edge } = await makeScene(changes);
  const app = createApp({ ...edge, assets });
  return (headers: Readonly<Record<string, string>>) => Promise.resolve(app.request('/', { headers }));
}

/** Static assets with a page at the one path that it lies at. */
function withPage() {
  const asked: string[] = [];
  const fetch = (address: string): Promise<Response> => {
    asked.push(address);
    const isPage = new URL(address).pathname === '/console';
    return Promise.resolve(new Response(isPage ? '<!doctype html>' : 'not found', { status: isPage ? 200 : 404 }));
  };
  return { asked, fetch };
}

describe('the root', () => {
  test('is the console to a browser, and to a program where to go on', async () => {
    const assets = withPage();
    const get = await deployed(assets);
    const page = await get(BROWSER);
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      200,
      'text/html; charset=utf-8',
      '<!doctype html>',
    ]);
    const said = await get({ accept: '*/*' });
    expect(await said.json()).toMatchObject({ name: 'reeve', docs: 'http://127.0.0.1:8787/docs' });
    expect([page, said].map(({ headers }) => headers.get('vary'))).toEqual(['accept', 'accept']);
    expect(assets.asked).toEqual(['http://127.0.0.1:8787/console']);
  });

  test('says where to go on to a browser too, where the deployment has no console', async () => {
    const missing = { fetch: () => Promise.resolve(new Response('not found', { status: 404 })) };
    for (const assets of [null, missing]) {
      const get = await deployed(assets);
      expect(await (await get(BROWSER)).json()).toMatchObject({ name: 'reeve' });
    }
  });

  test('lets the console run no code but its own files, ask nothing but this Worker, and stand in no frame', async () => {
    const policy = (await (await deployed(withPage()))(BROWSER)).headers.get('content-security-policy') ?? '';
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      "connect-src 'self' ws://127.0.0.1:8787",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
      "trusted-types 'none'",
    ]);
  });

  test('lets the console ask one more origin: that of the issuer which people sign in with', async () => {
    const settings = { OIDC_ISSUER: 'https://id.example.com/realms/one', OIDC_AUDIENCE: 'reeve' };
    const page = await (await deployed(withPage(), settings))(BROWSER);
    const policy = page.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("connect-src 'self' ws://127.0.0.1:8787 https://id.example.com;");
    expect(policy.match(/https:/g)).toHaveLength(1);
  });
});
