import { expect, test } from 'vitest';
import { CONTROL_PORT, cloudflareBackend, type PlatformContainer } from '../../src/link/cloudflare-backend.ts';

/** A container of the platform as far as it is used, and what was asked of it. */
function platform(running: boolean) {
  const asked: unknown[] = [];
  const container: PlatformContainer = {
    running,
    start: (options) => void asked.push(['start', options]),
    signal: (signo) => void asked.push(['signal', signo]),
    destroy: async () => void asked.push(['destroy']),
    setInactivityTimeout: async (ms) => void asked.push(['keep', ms]),
    getTcpPort: (port) => ({
      fetch: async (url, init) => {
        asked.push(['fetch', port, url, init.redirect]);
        return new Response('ok');
      },
    }),
  };
  return { container, asked };
}
const VARIABLES = { REEVE_API_URL: 'https://reeve.example.com' };

test('T10: asking whether it runs, and a request to it, start nothing; only to wake it does', async () => {
  const { container, asked } = platform(false);
  const backend = cloudflareBackend(container, VARIABLES);
  expect(backend.running()).toBe(false);
  await backend.fetch('/health', { method: 'GET' });
  expect(asked).toEqual([['fetch', CONTROL_PORT, 'http://container/health', 'manual']]);
  backend.wake();
  expect(asked.at(-1)).toEqual(['start', { env: VARIABLES, enableInternet: true }]);
});

test('one that runs is not started again', () => {
  const { container, asked } = platform(true);
  cloudflareBackend(container, VARIABLES).wake();
  expect(asked).toEqual([]);
});

test('is kept, ended by SIGTERM, and destroyed, when that is asked', async () => {
  const { container, asked } = platform(true);
  const { lifecycle } = cloudflareBackend(container, VARIABLES);
  await lifecycle?.keep(5000);
  lifecycle?.end();
  await lifecycle?.destroy();
  expect(asked).toEqual([['keep', 5000], ['signal', 15], ['destroy']]);
});
