/** What is said to the town, and to a client that hears nothing, while events are passed on. Time is the test's. */
import { describe, expect, test } from 'vitest';
import { eventStream, type ReaderSocket } from '../../../src/http/people/event-stream.ts';

/** A town's end of the stream, and the timers that run. */
class Scene {
  readonly said: string[] = [];
  closed: number | null = null;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #target = new EventTarget();
  readonly #timers = new Map<() => void, number>();

  constructor() {
    const socket: ReaderSocket = {
      accept: () => undefined,
      addEventListener: this.#target.addEventListener.bind(this.#target),
      send: (text: unknown) => void this.said.push(String(text)),
      close: (code = 0) => void (this.closed = code),
    };
    const body = eventStream(socket, (ms, run) => {
      this.#timers.set(run, ms);
      return () => void this.#timers.delete(run);
    });
    this.reader = body.getReader();
  }

  send(...events: readonly object[]): void {
    this.#target.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(events) }));
  }

  end(): void {
    this.#target.dispatchEvent(new Event('close'));
  }

  /** The next piece of the body; null at its end. */
  async read(): Promise<string | null> {
    const { value } = await this.reader.read();
    return value === undefined ? null : new TextDecoder().decode(value);
  }

  /** The one timer that waits comes to its end. Resolves to how long it would have waited (ms). */
  async elapse(): Promise<number> {
    await settled();
    const [timer] = this.#timers;
    if (timer === undefined || this.#timers.size > 1) throw new Error(`${this.#timers.size} timers wait`);
    const [run, ms] = timer;
    this.#timers.clear();
    run();
    await settled();
    return ms;
  }
}

/** What follows at once has run. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const AT = '2027-01-01T00:00:00.000Z';
const OPENED = {
  specversion: '1.0',
  id: 'o',
  source: '/v1/towns/t',
  subject: 't',
  time: AT,
  datacontenttype: 'application/json',
  ephemeral: true,
  type: 'reeve.stream.opened',
  data: { after: 40, missed: 0, ends_at: AT },
};
const DELTA = { type: 'reeve.turn.delta', data: { text: 'Th' } };
const event = (seq: number) => ({ type: 'reeve.town.restored', seq, data: {} });

/** A client that has read what comes at the beginning. */
async function opened(): Promise<Scene> {
  const scene = new Scene();
  scene.send(OPENED);
  expect(await scene.read()).toBe('retry: 1000\n\n');
  expect(await scene.read()).toBe(`data: ${JSON.stringify(OPENED)}\n\n`);
  return scene;
}

describe('events over server-sent events', () => {
  test('have their seq as id where they are stored, and none where they are not', async () => {
    const scene = await opened();
    scene.send(event(41), DELTA, event(42));
    expect(await scene.read()).toBe(
      `id: 41\ndata: ${JSON.stringify(event(41))}\n\ndata: ${JSON.stringify(DELTA)}\n\nid: 42\ndata: ${JSON.stringify(event(42))}\n\n`,
    );
  });

  test('are confirmed when the client asks for more and half a second brings no more, and not before', async () => {
    const scene = await opened();
    scene.send(event(41), DELTA);
    await scene.read();
    expect(scene.said).toEqual([]);
    void scene.read();
    expect(await scene.elapse()).toBe(500);
    expect(scene.said).toEqual(['{"type":"ack","seq":41,"deltas":1}']);
  });

  test('are confirmed at once where they are a hundred', async () => {
    const scene = await opened();
    scene.send(...Array.from({ length: 100 }, (_, nth) => event(41 + nth)));
    await scene.read();
    scene.send(event(141));
    await scene.read();
    expect(scene.said).toEqual(['{"type":"ack","seq":140,"deltas":0}']);
  });

  test('without news are a comment, and a ping for the town, each twelve seconds', async () => {
    const scene = await opened();
    // Where the stream begins is confirmed like an event.
    let read = scene.read();
    expect(await scene.elapse()).toBe(500);
    for (const times of [1, 2]) {
      expect(await scene.elapse()).toBe(12_000);
      expect(await read).toBe(': nothing new\n\n');
      expect(scene.said.filter((text) => text === '{"type":"ping"}')).toHaveLength(times);
      read = scene.read();
    }
  });

  test('end where the town closes, after all that it sent before', async () => {
    const scene = await opened();
    scene.send(event(41));
    scene.end();
    expect(await scene.read()).toContain('id: 41');
    expect(await scene.read()).toBeNull();
    expect(scene.closed).toBeNull();
  });

  test('close the stream of the town where the client leaves', async () => {
    const scene = await opened();
    await scene.reader.cancel();
    expect(scene.closed).toBe(1000);
  });
});
