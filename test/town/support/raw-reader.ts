/** A reader of the stream, in the raw: every frame as it came. It confirms only what the test orders. */
import { SELF } from 'cloudflare:test';
import { expect, vi } from 'vitest';
import type { Reader } from '../../../src/events/reader.ts';
import type { Problem } from '../../../src/protocol/index.ts';
import { inside } from './inside.ts';
import { api, type TestTown } from './town.ts';
import { PUBLIC_URL } from './wiring.ts';
import { PATIENT } from '../../support/patient.ts';

export interface StreamEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly seq?: number;
  readonly ephemeral?: boolean;
  readonly data: Record<string, unknown>;
}

export class RawReader {
  /** What each frame held, and its bytes; a pong by itself. */
  readonly frames: { readonly events: readonly StreamEvent[]; readonly bytes: number }[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const text = String(data);
      const frame = JSON.parse(text) as StreamEvent | StreamEvent[];
      this.frames.push({ events: [frame].flat(), bytes: new TextEncoder().encode(text).length });
    });
    socket.addEventListener('close', ({ code, reason }) => void (this.closed = { code, reason }));
    socket.accept();
  }

  /** Opens a stream with a ticket of its own. */
  static async open(town: TestTown, after?: number): Promise<RawReader> {
    return RawReader.with(town, await ticketFor(town), after);
  }

  static async with(town: TestTown, ticket: string, after?: number): Promise<RawReader> {
    const answer = await knockAt(town.id, { ticket, ...(after === undefined ? {} : { after: String(after) }) });
    if (answer.webSocket === null) throw new Error(`refused: ${answer.status} ${await answer.text()}`);
    return new RawReader(answer.webSocket);
  }

  /** Of all frames, in the order in which they arrived. */
  get events(): StreamEvent[] {
    return this.frames.flatMap(({ events }) => events);
  }

  /** `seq` of every stored event that arrived, in the order in which they did. */
  get seqs(): number[] {
    return this.events.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }

  send(frame: string | ArrayBuffer): void {
    this.#socket.send(frame);
  }

  ack(seq: number, deltas?: number): void {
    this.send(JSON.stringify({ type: 'ack', seq, ...(deltas === undefined ? {} : { deltas }) }));
  }

  close(): void {
    this.#socket.close(1000, 'enough');
  }

  async until(what: (reader: RawReader) => boolean): Promise<void> {
    await vi.waitFor(() => expect(what(this)).toBe(true), PATIENT);
  }
}

export async function ticketFor(town: TestTown): Promise<string> {
  const { status, body } = await api<{ ticket: string }>('POST', `/v1/towns/${town.id}/tickets`);
  if (status !== 201) throw new Error(`no ticket: ${status} ${JSON.stringify(body)}`);
  return body.ticket;
}

export function knockAt(
  town: string,
  query: Record<string, string>,
  headers?: Record<string, string>,
): Promise<Response> {
  const address = `${PUBLIC_URL}/v1/towns/${town}/stream?${new URLSearchParams(query).toString()}`;
  return SELF.fetch(address, { headers: headers ?? { upgrade: 'websocket' } });
}

/** Status and code of a refusal; 101 where it was none. */
export async function refusalOf(answer: Response): Promise<string> {
  if (answer.status !== 101) return `${answer.status} ${(await answer.json<Problem>()).code}`;
  answer.webSocket?.accept();
  answer.webSocket?.close(1000, 'not wanted');
  return 'opened';
}

/** So many events happen in the town, in steps of so many: each step is one transaction. */
export function happen(town: TestTown, count: number, step = count, name = ''): Promise<void> {
  return inside(town, async (p) => {
    for (let left = count; left > 0; left -= step) {
      p.transaction(() => {
        for (let nth = 0; nth < Math.min(step, left); nth += 1) {
          p.events.append('reeve.town.created', p.id, { name }, p.clock.now());
        }
      });
      // The feed comes after the step.
      await Promise.resolve();
    }
  });
}

/** The readers of a town, as they are kept with their sockets. */
export function readersOf(town: TestTown): Promise<Reader[]> {
  return inside(town, (p) => p.readers.open().map(({ reader }) => reader));
}
