/** Each view, on a desk and on a phone, light and dark: nothing that axe-core calls serious, and nothing wider than the screen. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient } from '../../client/index.ts';
import { startTestStack, type TestStack } from '../e2e/support/test-stack.ts';
import { noBrowser } from '../support/chromium.ts';
import { launch } from './support/browser.ts';
import { openConsole } from './support/console-page.ts';

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
const DESK = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };

/** A theme changes colours only, and a size everything else. */
const SCREENS = [
  ['light', DESK, 'all'],
  ['dark', DESK, 'colours'],
  ['dark', PHONE, 'all'],
  ['light', PHONE, 'colours'],
] as const;

let stack: TestStack;
let browser: Browser;
/** Each with a text that is there once it is. */
let views: readonly (readonly [string, string])[];

describe.skipIf(noBrowser !== null)('every view of the console', () => {
  beforeAll(async () => {
    [stack, browser] = await Promise.all([startTestStack('accessible'), launch()]);
    const client = createClient({ url: stack.url, token: stack.token });
    const { id } = await client.createTown({ name: 'looked-at' });
    for (const name of ['ada', 'bob', 'carol']) await client.createAgent(id, { name });
    await client.sendMessage(id, 'ada', 'delegate bob work 1');
    await client.sendMessage(id, 'bob', 'ask paint the fence');
    await client.stopAgent(id, 'carol');
    const { id: said } = await client.sendMessage(id, 'ada', 'good morning');
    await client.waitForMessage(id, 'ada', said);
    const town = `#/towns/${id}`;
    views = [
      ['#/', 'looked-at'],
      [town, 'Needs you'],
      [`${town}/timeline`, 'finished its turn'],
      [`${town}/delegations`, 'Deadline'],
      [`${town}/members`, 'Added by'],
      [`${town}/settings`, 'Delete the town…'],
      [`${town}/agents/ada`, 'You said: good morning'],
      [`${town}/agents/bob`, 'paint the fence'],
      [`${town}/agents/ada/credential`, 'in use'],
      [`${town}/agents/ada/runtime`, 'the built-in agent'],
      ['#/keys', 'You have no keys.'],
      ['#/nowhere', 'There is no such page'],
    ];
  });
  afterAll(async () => {
    await browser?.close();
    await stack?.stop();
  });

  it('holds on a desk and on a phone, light and dark', async () => {
    const options = { viewport: DESK, bypassCSP: true, reducedMotion: 'reduce' } as const;
    const { page, go, close } = await openConsole(browser, stack.url, stack.token, options);
    await page.evaluate(AXE);
    const found: Record<string, readonly string[]> = {};
    for (const [hash, text] of views) {
      await go(hash);
      await page.getByText(text).first().waitFor();
      const faults: string[] = [];
      for (const [colorScheme, size, rules] of SCREENS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(size);
        faults.push(...(await seriousOf(page, rules)), ...(await widerThanScreen(page)));
      }
      found[hash] = faults;
    }
    expect(found).toEqual(Object.fromEntries(views.map(([hash]) => [hash, []])));
    await close();
  });

  it('holds before anyone is signed in, and in its dialogs', async () => {
    const { page, close } = await openConsole(browser, stack.url, '', { bypassCSP: true, reducedMotion: 'reduce' });
    await page.evaluate(AXE);
    await page.getByLabel('API key').waitFor();
    expect(await seriousOf(page)).toEqual([]);
    await page.getByLabel('API key').fill(stack.token);
    await page.getByRole('button', { name: 'Sign in with a key' }).click();
    await page.getByRole('button', { name: 'New town' }).click();
    await page.getByRole('dialog').waitFor();
    expect(await seriousOf(page)).toEqual([]);
    await close();
  });
});

/** What axe-core calls serious or critical: the rule, and where. */
function seriousOf(page: Page, rules: 'all' | 'colours' = 'all'): Promise<string[]> {
  return page.evaluate(async (only) => {
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<{ violations: Violation[] }> } };
    interface Violation {
      readonly id: string;
      readonly impact: string;
      readonly nodes: readonly { readonly html: string }[];
    }
    const { violations } = await axe.run(only === 'all' ? {} : { runOnly: ['color-contrast'] });
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  }, rules);
}

/** A page that scrolls sideways. */
async function widerThanScreen(page: Page): Promise<string[]> {
  const [has, shows] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const);
  return has > shows ? [`${has} px wide on a screen of ${shows}`] : [];
}
