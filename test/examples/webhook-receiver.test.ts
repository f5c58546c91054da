/** The receiver of docs/webhooks.md, run as it stands there, and posted to as a town posts. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { postEvent, type PostAnswer } from '../../src/webhooks/post-event.ts';
import { drawSecret } from '../../src/webhooks/secret.ts';
import { webhookId } from '../support/ids.ts';
import { PATIENT } from '../support/patient.ts';
import { ROOT } from '../support/source.ts';

const EXAMPLE = join(ROOT, 'examples/webhook-receiver.ts');
const KEYS = [new Secret('a-key-of-the-deployment-for-webhooks')];

let child: ChildProcess | null = null;
afterEach(() => void child?.kill('SIGKILL'));

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a receiver of docs/webhooks.md shows an event that comes twice once, and refuses one that is not signed for it', async () => {
  const secret = await drawSecret(KEYS, webhookId(1));
  const foreign = await drawSecret(KEYS, webhookId(1));
  if (secret === null || foreign === null) throw new Error('there is a key');
  const port = await freePort();
  child = spawn(process.execPath, [EXAMPLE], {
    env: { WEBHOOK_SECRET: secret.text, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout?.on('data', (chunk: Buffer) => (shown += chunk.toString('utf8')));
  const parts = { keys: KEYS, loopback: true, clock: { now: () => Date.now() }, after: () => () => undefined };
  const post = (id: string, body: string, { ref } = secret): Promise<PostAnswer> =>
    postEvent(parts, { webhook: webhookId(1), url: `http://127.0.0.1:${port}/`, secrets: [ref], id, body });

  await vi.waitFor(async () => expect(await post('town_1', '{"seq":1}')).toEqual({ kind: 'taken' }), PATIENT);
  expect(await post('town_1', '{"seq":1}')).toEqual({ kind: 'taken' });
  expect(await post('town_2', '{"seq":2}', foreign)).toMatchObject({ kind: 'failed', error: 'http_401' });
  expect(await post('town_3', '{"reply":"ĝis"}')).toEqual({ kind: 'taken' });
  await vi.waitFor(() => expect(shown).toBe('{"seq":1}\n{"reply":"ĝis"}\n'), PATIENT);
});

test('the receiver of docs/webhooks.md stands there word for word', () => {
  expect(readFileSync(join(ROOT, 'docs/webhooks.md'), 'utf8')).toContain(readFileSync(EXAMPLE, 'utf8'));
});
