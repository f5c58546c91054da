/** How people come in: by a link, by a provider that is not ours, and from a page of another origin. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { createClient as CreateClient } from '../../client/index.ts';
import { createClient, type ReeveClient } from '../../client/index.ts';
import { freePort } from '../../scripts/ports.ts';
import { startTestStack, type TestStack } from '../e2e/support/test-stack.ts';
import { CLIENT } from '../people/support/sign-in-at-provider.ts';
import { noBrowser } from '../support/chromium.ts';
import { launch, openPage } from './support/browser.ts';
import { Cable } from './support/cable.ts';
import { servePage } from './support/elsewhere.ts';

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
