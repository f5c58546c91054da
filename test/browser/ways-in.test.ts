/** How people come in: by a link, by a provider that is not ours, and from a page of another origin. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { createClient as CreateClient } from '../../client/index.ts';
import { createClient, type ReeveClient } from '../../client/index.ts';
import { freePort } from '../../scripts/ports.ts';
import { startTestStack, type TestStack } from '../e2e/support/test-stack.ts';
import { CLIENT } from '../people/support/sign-in-at-provider.ts';
import { noBrowser } from '../support/chromium.ts';
import { launch, openPage } from './support/browser.ts';
import { Cable } from './support/cable.ts';
import { openConsole } from './support/console-page.ts';
import { servePage } from './support/elsewhere.ts';

const SAID = 'for no other person';
const AUDIENCE = 'https://reeve.example.com';

let cable: Cable;
let elsewhere: Awaited<ReturnType<typeof servePage>>;
let provider: ChildProcess;
let stack: TestStack;
let browser: Browser;
let client: ReeveClient;

describe.skipIf(noBrowser !== null)('a person', () => {
  beforeAll(async () => {
    const issuer = `http://127.0.0.1:${await freePort()}`;
    [cable, elsewhere, browser] = await Promise.all([Cable.lay(), servePage(), launch()]);
    provider = fork(join(import.meta.dirname, '../people/support/provider-process.ts'), [issuer, `${cable.origin}/`], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const oidc = { OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_CLIENT_ID: CLIENT };
    const env = { ...oidc, PUBLIC_URL: cable.origin, ALLOWED_ORIGINS: elsewhere.origin };
    [stack] = await Promise.all([startTestStack('ways-in', env), once(provider, 'message')]);
    cable.leadTo(stack.port);
    client = createClient({ url: stack.url, token: stack.token });
  });
  afterAll(async () => {
    await browser?.close();
    provider?.kill();
    elsewhere?.close();
    await cable?.close();
    await stack?.stop();
  });

  it('comes in by a link, which is good once and stays in no history', async () => {
    const { url } = await client.createSignInLink();
    const { page } = await openPage(browser);
    await page.goto(url);
    await page.getByRole('heading', { name: 'Towns' }).waitFor();
    expect(page.url()).toBe(`${cable.origin}/#/`);
    await page.context().close();
    const { page: second } = await openPage(browser);
    await second.goto(url);
    await second.getByText('This sign-in link was used already, or is over').waitFor();
    await second.context().close();
  });

  /** In the console of that person: a town of its own with an agent, and something that is said to it, which `hold` gets. */
  async function sayInTown(name: string, hold: (route: Route) => void): Promise<Page> {
    const { page, go, say } = await openConsole(browser, cable.origin, stack.token);
    const { id } = await client.createTown({ name });
    await client.createAgent(id, { name: 'ada' });
    await page.route('**/messages', (route) => (route.request().method() === 'POST' ? hold(route) : route.continue()));
    await go(`#/towns/${id}/agents/ada`);
    await say('ada', SAID);
    return page;
  }

  const keptIn = (page: Page): Promise<string> => page.evaluate(() => JSON.stringify(sessionStorage));

  async function signInAgain(page: Page, key: string): Promise<void> {
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Sign in with a key' }).click();
    await page.getByRole('textbox', { name: 'Message to ada' }).waitFor();
  }

  it('stays signed in where the server cannot tell who they are while the page is loaded again', async () => {
    const { page, close } = await openConsole(browser, cable.origin, stack.token);
    await page.route('**/v1/me', (route) => route.fulfill({ status: 500, body: '' }));
    await page.reload();
    await page.getByText('your sign-in is kept').waitFor();
    await page.unroute('**/v1/me');
    await page.reload();
    await page.getByRole('heading', { name: 'Towns' }).waitFor();
    await close();
  });

  it('opens a link again where it was not used, and is told so', async () => {
    const { url } = await client.createSignInLink();
    const { page } = await openPage(browser);
    const busy = { status: 429, headers: { 'retry-after': '60' }, body: '' };
    await page.route('**/v1/sign-in', (route) =>
      route.request().method() === 'POST' ? route.fulfill(busy) : route.continue(),
    );
    await page.goto(url);
    await page.getByText('Open the link again').waitFor();
    await page.unroute('**/v1/sign-in');
    await page.goto('about:blank');
    await page.goto(url);
    await page.getByRole('heading', { name: 'Towns' }).waitFor();
    await page.context().close();
  });

  it('leaves nothing in the tab with a sign-out, and what is still being sent goes out in their own name', async () => {
    const held: Route[] = [];
    const page = await sayInTown('left', (route) => void held.push(route));
    await expect.poll(() => held.length).toBe(1);
    await page.getByRole('button', { name: 'dev' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    const { key } = await client.createApiKey({ name: 'next' });
    await signInAgain(page, key);
    for (let nth = 0; nth < 4; nth += 1) {
      await expect.poll(() => held.length).toBe(nth + 1);
      await Promise.all([page.waitForEvent('requestfailed'), held[nth]?.abort()]);
    }
    const credentials = held.map((route) => route.request().headers()['authorization']);
    expect(credentials).toEqual(Array(4).fill(`Bearer ${stack.token}`));
    expect(await keptIn(page)).not.toContain(SAID);
    await page.context().close();
  });

  it('finds nothing of another person in this tab, whose sign-in was over, and sends nothing of theirs', async () => {
    let sent = 0;
    const page = await sayInTown('over', (route) => {
      sent += 1;
      void route.fulfill({ status: 401, body: '' });
    });
    await page.getByText('Your sign-in is over').waitFor();
    expect(await keptIn(page)).toContain(SAID);
    await page.route('**/v1/me', (route) =>
      route.fulfill({ json: { subject: 'oidc:bob', scope: 'admin', expires_at: null } }),
    );
    await signInAgain(page, stack.token);
    expect(await keptIn(page)).not.toContain(SAID);
    expect(sent).toBe(1);
    await page.context().close();
  });

  it('comes in by a provider that is not ours, and goes where they wanted to go', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(`${cable.origin}/#/keys`);
    await page.getByRole('button', { name: /^Sign in with 127/ }).click();
    await page.getByPlaceholder('Enter any login').fill('ada');
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('heading', { name: 'API keys' }).waitFor();
    await page.getByRole('button', { name: 'oidc:ada' }).waitFor();
    expect(new URL(page.url()).search).toBe('');
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('creates, chats and follows from a page of an origin that is allowed, also over a connection that breaks', async () => {
    const { page, complaints } = await openPage(browser);
    await page.goto(elsewhere.origin);
    const { id, reply } = await page.evaluate(
      async ([url, token]) => {
        const { createClient: create } = globalThis as unknown as { createClient: typeof CreateClient };
        const reeve = create({ url, token });
        const town = await reeve.createTown({ name: 'from-elsewhere' });
        await reeve.createAgent(town.id, { name: 'ada' });
        await reeve.putMember(town.id, 'oidc:ada', { role: 'viewer' });
        const said = document.getElementById('said');
        reeve.follow(town.id, {
          after: 0,
          onEvent: ({ seq, type }) => said?.append(`${seq} ${type}`, document.createElement('br')),
          onState: ({ name }) => void (document.title = name),
        });
        const message = await reeve.sendMessage(town.id, 'ada', 'good morning');
        return { id: town.id, reply: (await reeve.waitForMessage(town.id, 'ada', message.id)).reply };
      },
      [cable.origin, stack.token] as const,
    );
    expect(reply).toBe('You said: good morning');
    await expect.poll(() => page.title()).toBe('live');
    cable.pullOut();
    await expect.poll(() => page.title()).toBe('waiting');
    const missed = await client.sendMessage(id, 'ada', 'while it was out');
    await client.waitForMessage(id, 'ada', missed.id);
    cable.plugIn();
    const { items } = await client.listEvents(id, { limit: 200 });
    const all = items.map(({ seq, type }) => `${seq} ${type}`);
    await expect
      .poll(async () => (await page.locator('#said').innerText()).split('\n').slice(0, all.length))
      .toEqual(all);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('gets nothing from a page of an origin that is not', async () => {
    const other = await servePage();
    const { page } = await openPage(browser);
    await page.goto(other.origin);
    const status = await page.evaluate(
      ([url, token]) =>
        fetch(`${url}/v1/me`, { headers: { authorization: `Bearer ${token}` } }).then(
          (answer) => answer.status,
          () => 'blocked',
        ),
      [cable.origin, stack.token] as const,
    );
    expect(status).toBe('blocked');
    await page.context().close();
    other.close();
  });
});
