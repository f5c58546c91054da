/** What is read of a request, when, and for how long: a body costs memory and a connection, and any caller may send one. */
import { describe, expect, it } from 'vitest';
import { MAX_CONTROL_BODY_BYTES } from '#protocol';
import { TestControlServer } from '../support/control-server.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import { signPush, type PushOrder } from '../support/push.ts';

/** A body that the test sends piece by piece. */
class Upload {
  /** Whether anything was asked of it. */
  isRead = false;
  isGivenUp = false;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  readonly stream: ReadableStream<Uint8Array>;

  constructor() {
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => void (this.#controller = controller),
        pull: () => void (this.isRead = true),
        cancel: () => void (this.isGivenUp = true),
      },
      // Nothing is wanted before the body is read.
      { highWaterMark: 0 },
    );
  }

  /** Resolves when a reader waits for the next piece. */
  async reading(): Promise<void> {
    await expect.poll(() => this.isRead).toBe(true);
  }

  send(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  end(): void {
    this.#controller?.close();
  }

  abort(): void {
    this.#controller?.error(new DOMException('aborted', 'AbortError'));
  }
}

function upload(
  control: TestControlServer,
  order: PushOrder,
  token: string,
): { readonly body: Upload; readonly answer: Promise<Response> } {
  const body = new Upload();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = { method: order.method, headers, body: body.stream, duplex: 'half' } as const;
  const answer = control.server.app.fetch(new Request(`http://control.example${order.path}`, init));
  return { body, answer: Promise.resolve(answer) };
}

async function target(): Promise<{ control: TestControlServer; order: PushOrder }> {
  const { control, session, agent } = await TestControlServer.withAgent();
  return { control, order: control.order(session, 'POST', `/agents/${agent}/stop`, { inc: 1 }) };
}

/** Lines that ask for an operator's attention. */
const alarms = (control: TestControlServer) => control.log.lines.filter(({ level }) => level !== 'info');

describe('the body of a request', () => {
  it('S-16: is not read where the token is not right: none, forged, expired, for another request, or used', async () => {
    const { control, order } = await target();
    const spent = await signPush(control.key, order);
    expect((await control.send(order, spent)).status).toBe(200);
    const tokens = [
      'none',
      await signPush(await newKey('active'), order),
      await signPush(control.key, { ...order, nowMs: order.nowMs - 91_000 }),
      await signPush(control.key, { ...order, path: '/agents' }),
      spent,
    ];
    for (const token of tokens) {
      const { body, answer } = upload(control, order, token);
      expect((await answer).status).toBe(401);
      expect(body.isRead).toBe(false);
    }
  });

  it('is not read where it says that it is too long', async () => {
    const { control, order } = await target();
    const headers = { authorization: 'Bearer x', 'content-length': String(MAX_CONTROL_BODY_BYTES + 1) };
    const request = new Request(`http://control.example${order.path}`, { method: 'POST', headers, body: 'x' });
    expect((await control.server.app.fetch(request)).status).toBe(413);
    expect(request.bodyUsed).toBe(false);
  });

  it('S-23: one that never comes spends no token: the same token serves the request that has it', async () => {
    const { control, order } = await target();
    const token = await signPush(control.key, order);
    const { body, answer } = upload(control, order, token);
    await body.reading();
    await control.clock.advance(5_000);
    expect((await answer).status).toBe(408);
    expect(body.isGivenUp).toBe(true);
    expect((await control.send(order, token)).status).toBe(200);
  });

  it('S-23: of two that come side by side for one token, one is taken', async () => {
    const { control, order } = await target();
    const token = await signPush(control.key, order);
    const both = [upload(control, order, token), upload(control, order, token)];
    for (const { body } of both) {
      await body.reading();
      body.send(order.body);
      body.end();
    }
    const statuses = await Promise.all(both.map(async ({ answer }) => (await answer).status));
    expect(statuses.toSorted((one, other) => one - other)).toEqual([200, 401]);
  });

  it('is given up after 5 s where it comes a byte a second, and after 30 s however fast it goes on', async () => {
    const { control, order } = await target();
    const pace = async (bytes: number): Promise<number> => {
      const { body, answer } = upload(control, order, await signPush(control.key, order));
      await body.reading();
      let seconds = 0;
      for (; !body.isGivenUp; seconds += 1) {
        body.send('x'.repeat(bytes));
        await control.clock.advance(1_000);
      }
      expect((await answer).status).toBe(408);
      return seconds;
    };
    expect(await pace(1)).toBe(5);
    expect(await pace(1_024)).toBe(30);
    expect(control.clock.pending).toBe(0);
    expect(alarms(control)).toEqual([]);
  });

  it('whose sender goes away in the middle is logged, and is not an error', async () => {
    const { control, order } = await target();
    const { body, answer } = upload(control, order, await signPush(control.key, order));
    await body.reading();
    body.send('{"inc"');
    body.abort();
    await answer;
    expect(alarms(control)).toEqual([]);
    const { method, path } = order;
    expect(control.log.lines.at(-1)).toEqual({
      level: 'info',
      event: 'body_not_received',
      fields: { why: 'aborted', method, path },
    });
    expect(control.clock.pending).toBe(0);
  });
});
