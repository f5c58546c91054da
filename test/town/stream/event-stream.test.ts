/** The stream over server-sent events: what a caller without WebSocket reads, and that nothing of it is lost or left open. */
import { SELF } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import type { Problem } from '../../../src/protocol/index.ts';
import { PATIENT } from '../../support/patient.ts';
import { apiKeyOf } from '../support/api-keys.ts';
import { happen, readersOf } from '../support/raw-reader.ts';
import { TestTown } from '../support/town.ts';
import { DEV_TOKEN, PUBLIC_URL } from '../support/wiring.ts';

const ask = (town: TestTown, headers: Readonly<Record<string, string>> = {}, query = '') =>
  SELF.fetch(`${PUBLIC_URL}/v1/towns/${town.id}/events${query}`, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${DEV_TOKEN}`, ...headers },
  });

/** A client that reads on until it leaves. */
class Client {
  text = '';
  isOver = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader();
    // One that leaves reads no more.
    this.#readOn().catch(() => undefined);
  }

  static async of(response: Response): Promise<Client> {
    const body: ReadableStream<Uint8Array> | null = response.body;
    if (body === null || response.status !== 200) throw new Error(`refused: ${await response.text()}`);
    return new Client(body);
  }

  get ids(): number[] {
    return [...this.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
  }

  async until(what: (client: Client) => boolean): Promise<void> {
    await vi.waitFor(() => expect(what(this)).toBe(true), PATIENT);
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }

  async #readOn(): Promise<void> {
    const decoder = new TextDecoder();
    for (let next = await this.#reader.read(); !next.done; next = await this.#reader.read()) {
      this.text += decoder.decode(next.value, { stream: true });
    }
    this.isOver = true;
  }
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, nth) => first + nth);

describe('the stream over server-sent events', () => {
  it('begins with the next event where nothing is asked for, and shows each as it happens', async () => {
    const town = await TestTown.create();
    await happen(town, 5);
    const { items } = (await town.api<{ items: { seq: number }[] }>('GET', '/events')).body;
    const head = items.at(-1)?.seq ?? 0;
    const client = await Client.of(await ask(town));
    await client.until(({ text }) => text.includes('reeve.stream.opened'));
    await happen(town, 3, 1);
    await client.until(({ ids }) => ids.length >= 3);
    expect(client.ids).toEqual(from(head + 1, 3));
    await client.leave();
  });

  it('replays what a client has not seen that comes again, however much it is, once and in order', async () => {
    const town = await TestTown.create();
    const first = await Client.of(await ask(town, {}, '?after=0'));
    await happen(town, 1200, 100);
    await first.until(({ ids }) => ids.length > 700);
    await first.leave();
    const seen = first.ids;
    const again = await Client.of(await ask(town, { 'last-event-id': String(seen.at(-1)) }, '?after=0'));
    await happen(town, 1);
    const head = (await town.api<{ items: { seq: number }[] }>('GET', '/events?after=1200&limit=200')).body.items.at(
      -1,
    );
    await again.until(({ ids }) => ids.at(-1) === head?.seq);
    expect([...seen, ...again.ids]).toEqual(from(1, head?.seq ?? 0));
    await again.leave();
  });

  it('gives its place back when the client leaves', async () => {
    const town = await TestTown.create();
    const client = await Client.of(await ask(town));
    await client.until(({ text }) => text !== '');
    expect(await readersOf(town)).toHaveLength(1);
    await client.leave();
    await vi.waitFor(async () => expect(await readersOf(town)).toEqual([]), PATIENT);
  });

  it('ends at once for a person who is no member any more', async () => {
    const town = await TestTown.create();
    await town.api('PUT', '/members/eve', { role: 'viewer' });
    const { text } = await apiKeyOf('eve', 'read');
    const client = await Client.of(await ask(town, { authorization: `Bearer ${text}` }));
    await client.until((one) => one.text !== '');
    await town.api('DELETE', '/members/eve');
    await client.until(({ isOver }) => isOver);
    expect((await ask(town, { authorization: `Bearer ${text}` })).status).toBe(404);
  });

  it.each([['x'], ['-1'], ['1.5'], ['9'.repeat(16)]])('is refused where the last event id is %s', async (id) => {
    const town = await TestTown.create();
    const response = await ask(town, { 'last-event-id': id });
    expect([response.status, (await response.json<Problem>()).code]).toEqual([400, 'invalid_request']);
    expect(await readersOf(town)).toEqual([]);
  });

  it('is opened by no HEAD, which reads nothing of it and would leave it open', async () => {
    const town = await TestTown.create();
    const address = `${PUBLIC_URL}/v1/towns/${town.id}/events`;
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${DEV_TOKEN}` };
    const response = await SELF.fetch(address, { method: 'HEAD', headers });
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(await readersOf(town)).toEqual([]);
    const stranger = { ...headers, authorization: `Bearer ${(await apiKeyOf('oidc:stranger')).text}` };
    expect((await SELF.fetch(address, { method: 'HEAD', headers: stranger })).status).toBe(404);
  });

  it('is for callers that ask for it: others get a page', async () => {
    const town = await TestTown.create();
    const response = await ask(town, { accept: 'application/json, */*' });
    expect(response.headers.get('content-type')).toContain('application/json');
    await response.body?.cancel();
    const stream = await ask(town);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('cache-control')).toBe('no-store');
    await stream.body?.cancel();
  });
});
