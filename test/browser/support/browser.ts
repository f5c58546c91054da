/** A real browser, where there is one. */
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { CHROMIUM } from '../../support/chromium.ts';

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];
/** What a page's policy does not allow is said on its console. */
const TELL = "addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective, e.blockedURI))";
/** Of a step of a test (ms): far more than it takes. */
const PATIENCE_MS = 30_000;

export const launch = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: QUIET });

/** A page of its own, in a profile of its own, with all that it asked for and complained of. */
export interface Watched {
  readonly page: Page;
  /** Addresses, also of sockets. */
  readonly asked: string[];
  /** Errors that no code caught, and what its policy refused. What a server refused is none. */
  readonly complaints: string[];
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on('request', (request) => void asked.push(request.url()));
  page.on('websocket', (socket) => void asked.push(socket.url()));
  page.on('pageerror', ({ message }) => void complaints.push(message));
  page.on('console', (line) => {
    const isRefusal =
      line.text().startsWith('Failed to load resource') || line.text().startsWith('WebSocket connection');
    if (line.type() === 'error' && !isRefusal) complaints.push(line.text());
  });
  await page.addInitScript(TELL);
  return { page, asked, complaints };
}
