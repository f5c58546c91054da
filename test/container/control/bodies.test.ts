/** What is read of a request, when, and for how long: a body costs memory and a connection, and anybody may send one. */
import { describe, expect, it } from 'vitest';
import { MAX_CONTROL_BODY_BYTES } from '#protocol';
import { Box } from '../support/box.ts';
import { PATIENT } from '../../support/patient.ts';
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
      // Nothing is wanted before somebody reads.
      { highWaterMark: 0 },
    );
  }

  /** Resolves when somebody waits for the next piece. */
  async reading(): Promise<void> {
    await expect.poll(() => this.isRead, PATIENT).toBe(true);
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
  box: Box,
  order: PushOrder,
  token: string,
): { readonly body: Upload; readonly answer: Promise<Response> } {
  const body = new Upload();
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init = { method: order.method, headers, body: body.stream, duplex: 'half' } as const;
  const answer = box.server.app.fetch(new Request(`http://box.example${order.path}`, init));
  return { body, answer: Promise.resolve(answer) };
}

async function target(): Promise<{ box: Box; order: PushOrder }> {
  const { box, session, agent } = await Box.withAgent();
  return { box, order: box.order(session, 'POST', `/agents/${agent}/stop`, { inc: 1 }) };
}

/** Lines that ask for somebody's attention. */
const alarms = (box: Box) => box.log.lines.filter(({ level }) => level !== 'info');

describe('the body of a request', () => {
  it('S-16: is not read where the token is not right: none, forged, expired, for another request, or used', async () => {
    const { box, order } = await target();
    const spent = await signPush(box.key, order);
    expect((await box.send(order, spent)).status).toBe(200);
    const tokens = [
      'none',
      await signPush(await newKey('active'), order),
      await signPush(box.key, { ...order, nowMs: order.nowMs - 91_000 }),
      await signPush(box.key, { ...order, path: '/agents' }),
      spent,
    ];
    for (const token of tokens) {
      const { body, answer } = upload(box, order, token);
      expect((await answer).status).toBe(401);
      expect(body.isRead).toBe(false);
    }
  });

  it('is not read where it says that it is too long', async () => {
    const { box, order } = await target();
    const headers = { authorization: 'Bearer x', 'content-length': String(MAX_CONTROL_BODY_BYTES + 1) };
    const request = new Request(`http://box.example${order.path}`, { method: 'POST', headers, body: 'x' });
    expect((await box.server.app.fetch(request)).status).toBe(413);
    expect(request.bodyUsed).toBe(false);
  });

  it('S-23: one that never comes spends no token: the same token serves the request that has it', async () => {
    const { box, order } = await target();
    const token = await signPush(box.key, order);
    const { body, answer } = upload(box, order, token);
    await body.reading();
    await box.clock.advance(5_000);
    expect((await answer).status).toBe(408);
    expect(body.isGivenUp).toBe(true);
    expect((await box.send(order, token)).status).toBe(200);
  });

  it('S-23: of two that come side by side for one token, one is taken', async () => {
    const { box, order } = await target();
    const token = await signPush(box.key, order);
    const both = [upload(box, order, token), upload(box, order, token)];
    for (const { body } of both) {
      await body.reading();
      body.send(order.body);
      body.end();
    }
    const statuses = await Promise.all(both.map(async ({ answer }) => (await answer).status));
    expect(statuses.toSorted((one, other) => one - other)).toEqual([200, 401]);
  });

  it('is given up after 5 s where it comes a byte a second, and after 30 s however fast it goes on', async () => {
    const { box, order } = await target();
    const pace = async (bytes: number): Promise<number> => {
      const { body, answer } = upload(box, order, await signPush(box.key, order));
      await body.reading();
      let seconds = 0;
      for (; !body.isGivenUp; seconds += 1) {
        body.send('x'.repeat(bytes));
        await box.clock.advance(1_000);
      }
      expect((await answer).status).toBe(408);
      return seconds;
    };
    expect(await pace(1)).toBe(5);
    expect(await pace(1_024)).toBe(30);
    expect(box.clock.pending).toBe(0);
    expect(alarms(box)).toEqual([]);
  });

  it('whose sender goes away in the middle is noted, and is nobody’s error', async () => {
    const { box, order } = await target();
    const { body, answer } = upload(box, order, await signPush(box.key, order));
    await body.reading();
    body.send('{"inc"');
    body.abort();
    await answer;
    expect(alarms(box)).toEqual([]);
    const { method, path } = order;
    expect(box.log.lines.at(-1)).toEqual({
      level: 'info',
      event: 'body_not_received',
      fields: { why: 'aborted', method, path },
    });
    expect(box.clock.pending).toBe(0);
  });
});
