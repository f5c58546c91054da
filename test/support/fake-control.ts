/**
 * A small honest control server: it holds one session, keeps what it was sent, and answers like the real one. A test makes it
 * misbehave for its next answer only.
 */
import { Hono } from 'hono';
import { CONTROL_PROBLEMS, openSessionSchema, type BootId, type ControlProblemCode } from '#protocol';
import type { ContainerBackend } from '../../src/link/container-link.ts';
import { bootId } from './ids.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly contentType: string | null;
  readonly body: string;
}

export const problemText = (code: ControlProblemCode): string =>
  JSON.stringify({ type: 'about:blank', ...CONTROL_PROBLEMS[code], code });

export class FakeControl {
  boot: BootId = bootId(1);
  session: string | null = null;
  epoch = 0;
  readonly requests: ReceivedRequest[] = [];
  /** Returns the next request in place of the routes. */
  instead: (() => Response | Promise<Response>) | null = null;
  running = true;
  readonly #app = new Hono();

  constructor() {
    this.#app.get('/health', (c) => c.json({ status: 'ok', version: 1, boot: this.boot }));
    this.#app.put('/session', async (c) => {
      const opening = openSessionSchema.parse(await c.req.json());
      if (opening.epoch <= this.epoch) return c.text(problemText('stale_session'), 409);
      this.session = opening.session;
      this.epoch = opening.epoch;
      return c.json({ session: opening.session, boot: this.boot, epoch: opening.epoch });
    });
  }

  /** Where it runs, as the link sees it. */
  readonly backend: ContainerBackend = {
    running: () => this.running,
    wake: () => void (this.running = true),
    fetch: async (path, init) => {
      const headers = new Headers(init.headers);
      const { method = 'GET', body = '', signal } = init;
      this.requests.push({
        method,
        path,
        authorization: headers.get('authorization'),
        contentType: headers.get('content-type'),
        body: typeof body === 'string' ? body : '',
      });
      const { instead } = this;
      this.instead = null;
      signal?.throwIfAborted();
      if (instead !== null) return untilAborted(Promise.resolve(instead()), signal ?? null);
      return this.#app.request(path, { method, headers, ...(body === '' ? {} : { body }) });
    },
  };

  get last(): ReceivedRequest | undefined {
    return this.requests.at(-1);
  }
}

/** As a real network does: the wait ends where the signal aborts, with the reason of the signal. */
function untilAborted(answer: Promise<Response>, signal: AbortSignal | null): Promise<Response> {
  if (signal === null) return answer;
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(reasonOf(signal)), { once: true });
  });
  return Promise.race([answer, aborted]);
}

const reasonOf = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error('aborted without a reason');
