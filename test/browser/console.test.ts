/** The console, in a real browser in front of a real stack: what a person does on the first day and in the worst night. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type ReeveClient } from '../../client/index.ts';
import { startTestStack, type TestStack } from '../e2e/support/test-stack.ts';
import { noBrowser } from '../support/chromium.ts';
import { launch } from './support/browser.ts';
import { Cable } from './support/cable.ts';
import { openConsole } from './support/console-page.ts';

let stack: TestStack;
let browser: Browser;
let client: ReeveClient;
let cable: Cable;

describe.skipIf(noBrowser !== null)('the console', () => {
  beforeAll(async () => {
    cable = await Cable.lay();
    [stack, browser] = await Promise.all([startTestStack('console', { PUBLIC_URL: cable.origin }), launch()]);
    cable.leadTo(stack.port);
    client = createClient({ url: stack.url, token: stack.token });
  });
  afterAll(async () => {
    await browser?.close();
    await cable?.close();
    await stack?.stop();
  });

  const open = (token = stack.token) => openConsole(browser, cable.origin, token);

  /** A town of its own with agents, and where its page is. */
  async function townWith(name: string, ...agents: string[]): Promise<{ id: string; hash: string }> {
    const { id } = await client.createTown({ name });
    for (const agent of agents) await client.createAgent(id, { name: agent });
    return { id, hash: `#/towns/${id}` };
  }

  it('signs a person in with a key, says so where it is wrong, and keeps it in this tab alone', async () => {
    const { page, close } = await open('');
    await page.getByLabel('API key').fill('reeve_wrong');
    await page.getByRole('button', { name: 'Sign in with a key' }).click();
    await page.getByRole('alert').getByText('not accepted').waitFor();
    await page.getByLabel('API key').fill(stack.token);
    await page.getByRole('button', { name: 'Sign in with a key' }).click();
    await page.getByRole('heading', { name: 'Towns' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Towns' }).waitFor();
    expect(await page.evaluate(() => localStorage.length)).toBe(0);
    expect(await page.evaluate(() => document.cookie)).toBe('');
    await page.getByRole('button', { name: 'dev' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
    await close();
  });

  it('takes a person from nothing to a reply: a town, an agent, a message', async () => {
    const { page, say, close } = await open();
    await page.getByRole('button', { name: 'New town' }).first().click();
    await page.getByLabel('Name').fill('first-day');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('button', { name: 'Create the first one' }).click();
    await page.getByLabel('Name').fill('ada');
    await page.getByRole('button', { name: 'Create', exact: true }).click();
    await page.getByRole('heading', { name: 'ada' }).waitFor();
    await say('ada', 'good morning');
    const reply = page.getByRole('article', { name: 'Reply of ada' });
    await reply.getByText('You said: good morning').waitFor();
    await close();
  });

  it('shows a turn while it goes on, with what the agent thinks, and ends it', async () => {
    const { hash } = await townWith('writing', 'ada');
    const { page, go, say, close } = await open();
    await go(`${hash}/agents/ada`);
    await say('ada', 'work 60');
    await page.getByText('at work', { exact: true }).waitFor();
    await page.getByText('Thoughts').waitFor();
    await page.getByRole('button', { name: 'Interrupt' }).click();
    await page.getByText('was asked to end its turn').waitFor();
    await page.getByText('at work', { exact: true }).waitFor({ state: 'detached' });
    await close();
  });

  it('shows what waits in the queue, which can be taken back', async () => {
    const { id, hash } = await townWith('waiting', 'ada');
    // It gets no token, and so no message, until a person starts it.
    await client.revokeAgent(id, 'ada');
    const { page, go, say, close } = await open();
    await go(`${hash}/agents/ada`);
    await say('ada', 'not so soon');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByText('cancelled', { exact: true }).waitFor();
    await close();
  });

  it('puts a question of an agent where it is answered, in the chat and in front of all else', async () => {
    const { hash } = await townWith('asking', 'ada');
    const { page, go, say, close } = await open();
    await go(`${hash}/agents/ada`);
    await say('ada', 'ask paint the fence');
    await page.getByRole('group', { name: 'paint the fence' }).waitFor();
    await go(hash);
    await page.getByRole('heading', { name: 'Needs you' }).waitFor();
    const question = page.getByRole('group', { name: 'paint the fence' });
    await question.getByRole('button').first().click();
    await question.waitFor({ state: 'detached' });
    await go(`${hash}/agents/ada`);
    await page.getByRole('article', { name: 'Reply of ada' }).getByText('paint the fence').first().waitFor();
    await close();
  });

  it('moves the ring of a credential with a sweep, and says what the container made of it', async () => {
    const { hash } = await townWith('sweeping', 'ada');
    const { page, go, close } = await open();
    await go(hash);
    await page.getByRole('img', { name: 'Credential of ada: generation 1' }).waitFor();
    await page.getByRole('button', { name: 'Refresh all' }).click();
    await page
      .getByText(/1 of 1 confirmed \(\w+\)/)
      .first()
      .waitFor();
    await page.getByRole('img', { name: 'Credential of ada: generation 2' }).waitFor();
    await close();
  });

  it('goes on by itself where a control server is killed: the message that was sent comes to its reply', async () => {
    const { hash } = await townWith('killing', 'ada');
    const { page, go, say, close } = await open();
    await go(`${hash}/agents/ada`);
    await say('ada', 'good morning');
    await page.getByText('You said: good morning').waitFor();
    stack.crashControlServer();
    await say('ada', 'are you there');
    await page.getByText('You said: are you there').waitFor();
    await close();
  });

  it('says that it is not connected, keeps what was typed, and has all that it missed when it is', async () => {
    const { id, hash } = await townWith('cutting', 'ada');
    const { page, go, say, close } = await open();
    await go(`${hash}/agents/ada`);
    await page.getByText('live', { exact: true }).waitFor();
    cable.pullOut();
    await page.getByText('not connected').waitFor();
    await say('ada', 'from the tunnel');
    const missed = await client.sendMessage(id, 'ada', 'from elsewhere');
    await client.waitForMessage(id, 'ada', missed.id);
    await page.getByText('Not sent').waitFor();
    cable.plugIn();
    // As a browser says when its network is back.
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByText('You said: from elsewhere').waitFor();
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByText('You said: from the tunnel').waitFor();
    await close();
  });

  it('keeps a draft over a reload, and a message that was not confirmed, which is sent once', async () => {
    const { id, hash } = await townWith('drafting', 'ada');
    const { page, go, say, close } = await open();
    await go(`${hash}/agents/ada`);
    await page.getByRole('textbox', { name: 'Message to ada' }).fill('half a thought');
    await page.reload();
    await expect.poll(() => page.getByRole('textbox', { name: 'Message to ada' }).inputValue()).toBe('half a thought');
    // The answer is lost on its way: the server has the message, and the page does not know.
    await page.route('**/messages', async (route) => {
      await route.fetch();
      await route.abort();
    });
    await say('ada', 'sent once');
    await page.getByText('Not sent').waitFor();
    await page.unroute('**/messages');
    await page.reload();
    await page.getByText('You said: sent once').waitFor();
    await page.getByText('Not sent').waitFor({ state: 'detached' });
    const { items } = await client.listMessages(id, 'ada');
    expect(items.map(({ content }) => content)).toEqual(['sent once']);
    await close();
  });

  it('tears an agent down only once its name was typed', async () => {
    const { id, hash } = await townWith('ending', 'ada');
    const agent = (await client.listAgents(id)).items[0];
    const { page, go, close } = await open();
    await go(`${hash}/agents/ada`);
    await page.getByRole('button', { name: 'Tear down…' }).click();
    const dialog = page.getByRole('dialog');
    const end = dialog.getByRole('button', { name: 'Tear down' });
    expect(await end.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('ad');
    expect(await end.isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('ada');
    await end.click();
    await page.getByText('its container confirmed it').waitFor();
    expect((await client.getAgent(id, agent?.id ?? '')).state).toBe('retired');
    await close();
  });

  it('offers what a person may do from the moment on at which they may', async () => {
    const { id, hash } = await townWith('promoting', 'ada');
    const { subject } = await client.getCaller();
    await client.putMember(id, 'operator', { role: 'owner' });
    const { page, go, close } = await open();
    await go(hash);
    await page.getByRole('button', { name: 'New agent' }).waitFor();
    await page.getByText('live', { exact: true }).waitFor();
    await client.putMember(id, subject, { role: 'viewer' });
    await page.getByRole('button', { name: 'New agent' }).waitFor({ state: 'detached' });
    await close();
  });

  it('shows a viewer everything, and no act', async () => {
    const { hash } = await townWith('looking', 'ada');
    const { key } = await client.createApiKey({ name: 'looks', scope: 'read' });
    const { page, go, close } = await open(key);
    await go(hash);
    await page.getByRole('link', { name: 'ada', exact: true }).first().waitFor();
    const names = async (): Promise<string[]> =>
      (await page.getByRole('button').allTextContents()).map((name) => name.trim());
    expect((await names()).filter((name) => !['dev', 'Sign out', '×', ''].includes(name))).toEqual([]);
    await go(`${hash}/agents/ada`);
    await page.getByText('You may look').waitFor();
    expect(await page.getByRole('textbox').count()).toBe(0);
    await close();
  });
});
