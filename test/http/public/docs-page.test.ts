import { runInNewContext } from 'node:vm';
import { describe, expect, test, vi } from 'vitest';
import { makeScene } from '../../support/fake-edge.ts';
import { PATIENT } from '../../support/patient.ts';

const scene = await makeScene();
const get = (path: string) => scene.send('GET', path, { bearer: null });
const nonceOf = (response: Response): string =>
  /script-src 'nonce-([\w-]+)'/.exec(response.headers.get('content-security-policy') ?? '')?.[1] ?? '';

/** As much of a document as the script may use: it knows text and no HTML, so what is shown was put in as text. */
class Element {
  readonly tag: string;
  readonly children: Element[] = [];
  textContent = '';
  id = '';
  href = '';
  removed = false;

  constructor(tag: string) {
    this.tag = tag;
  }
  append(child: Element): void {
    this.children.push(child);
  }
  remove(): void {
    this.removed = true;
  }
  get texts(): string[] {
    return [this.textContent, ...this.children.flatMap(({ texts }) => texts)];
  }
}

/** Runs the page's own script as a browser would, over what `fetch` answers. */
async function show(fetch: (path: string) => Promise<unknown>): Promise<{ main: Element; state: Element }> {
  const script = /<script nonce="[^"]+">([^]*)<\/script>/.exec(await (await get('/docs')).text())?.[1] ?? '';
  const main = new Element('main');
  const state = new Element('p');
  const document = {
    createElement: (tag: string) => new Element(tag),
    querySelector: (what: string) => (what === 'main' ? main : state),
  };
  runInNewContext(script, { document, fetch });
  await vi.waitFor(() => {
    if (!state.removed && state.textContent === '') throw new Error('it is not done yet');
  }, PATIENT);
  return { main, state };
}

describe('the page of the API', () => {
  test('is HTML that may run its own script and style, read from its own origin, and nothing more', async () => {
    const response = await get('/docs');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    const nonce = nonceOf(response);
    expect(nonce).toMatch(/^[\w-]{22}$/);
    expect(response.headers.get('content-security-policy')).toBe(
      `default-src 'none'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; connect-src 'self'; ` +
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    const page = await response.text();
    expect(page.match(/<(script|style) nonce="([\w-]+)">/g)).toEqual([
      `<style nonce="${nonce}">`,
      `<script nonce="${nonce}">`,
    ]);
    expect(nonceOf(await get('/docs'))).not.toBe(nonce);
  });

  test('needs nothing from anywhere else, and writes no HTML from what it reads', async () => {
    const page = await (await get('/docs')).text();
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(/i);
    expect(page).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|new Function/);
    expect(page).not.toMatch(/\son\w+=|style="|javascript:/);
  });

  test('shows every operation and every schema of the document', async () => {
    const answer = await get('/openapi.json');
    const api = (await answer.json()) as { paths: Record<string, object>; components: { schemas: object } };
    const { main, state } = await show(async () => ({ json: async () => api }));
    expect(state.removed).toBe(true);
    const texts = main.texts;
    for (const [path, methods] of Object.entries(api.paths)) {
      for (const method of Object.keys(methods)) expect(texts).toContain(`${method.toUpperCase()} ${path}`);
    }
    for (const name of Object.keys(api.components.schemas)) expect(texts).toContain(name);
    const ids = main.children.map(({ id }) => id).filter((id) => id !== '');
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain('postTownsTownAgents');
  });

  test('says so where the document cannot be read', async () => {
    const { main, state } = await show(() => Promise.reject(new Error('no network')));
    expect(state.textContent).toBe('It could not be read: no network');
    expect(main.children).toEqual([]);
  });
});
