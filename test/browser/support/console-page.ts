/** The console in a real browser, as its user sees it. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { openPage } from './browser.ts';

export interface ConsolePage {
  readonly page: Page;
  /** Goes to an address behind the `#`. */
  readonly go: (hash: string) => Promise<void>;
  /** Says something to the agent that is shown. */
  readonly say: (agent: string, text: string) => Promise<void>;
  /** Throws where the page broke its policy, met an error that it did not expect, or asked anything of another host. */
  readonly close: () => Promise<void>;
}

/** Signed in with a credential; an empty one is not signed in. */
export async function openConsole(
  browser: Browser,
  origin: string,
  token: string,
  options: BrowserContextOptions = {},
): Promise<ConsolePage> {
  const { page, asked, complaints } = await openPage(browser, options);
  await page.goto(`${origin}/`);
  if (token !== '') {
    await page.getByLabel('API key').fill(token);
    await page.getByRole('button', { name: 'Sign in with a key' }).click();
    await page.getByRole('heading', { name: 'Towns' }).waitFor();
  }
  return {
    page,
    go: async (hash) => {
      await page.evaluate((to) => {
        location.hash = to;
      }, hash);
    },
    say: async (agent, text) => {
      await page.getByRole('textbox', { name: `Message to ${agent}` }).fill(text);
      await page.getByRole('button', { name: 'Send', exact: true }).click();
    },
    close: async () => {
      await page.context().close();
      expect(complaints).toEqual([]);
      const { host } = new URL(origin);
      expect(asked.filter((address) => new URL(address).host !== host)).toEqual([]);
    },
  };
}
