/** A small honest town that streams: tickets are good for one connection, `after` is replayed, acks are checked. */
import type { Outside, Socket, SocketEvents } from '../../../client/outside.ts';
import { ManualClock } from '../../container/support/manual-clock.ts';

class FakeConnection {
  /** What the reader confirmed last. */
  acked = { seq: 0, deltas: 0 };
  pings = 0;
  /** The network says nothing more, in either direction. */
  mute = false;
  closed = false;
  readonly #on: SocketEvents;
  #sent = 0;
  #deltas = 0;

  constructor(on: SocketEvents) {
    this.#on = on;
  }

  /** A frame: its events, or any text. */
  say(frame: readonly object[] | string): void {
    if (this.closed || this.mute) return;
    this.#on.onText(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  /** In one frame, as what happens in one step is. */
  events(seqs: readonly number[]): void {
    this.#sent = seqs.at(-1) ?? this.#sent;
    this.say(seqs.map(eventOf));
  }

  delta(text: string, kind = 'text'): void {
    this.#deltas += 1;
    const data = { message: 'msg_1', attempt: 1, kind, text };
    this.say([{ id: `d${this.#deltas}`, type: 'reeve.turn.delta', subject: 'agt_1', ephemeral: true, data }]);
  }

  receive(text: string): void {
    if (this.mute) return;
    const { type, seq, deltas } = JSON.parse(text) as { type: string; seq: number; deltas: number };
    if (type === 'ping') {
      this.pings += 1;
      return this.say('{"type":"pong"}');
    }
    if (type !== 'ack' || seq > this.#sent || deltas > this.#deltas) return this.end(1008);
    this.acked = { seq, deltas };
  }

  /** The connection ends, by the town or by the network. */
  end(code: number): void {
    if (this.closed) return;
    this.closed = true;
    this.#on.onClose(code);
  }

  get unacked(): number {
    return this.#sent - this.acked.seq + this.#deltas - this.acked.deltas;
  }

  /** Where the stream begins. */
  start(seq: number): void {
    this.#sent = seq;
    this.acked = { seq, deltas: 0 };
  }
}

export class FakeStream {
  readonly clock = new ManualClock();
  readonly connections: FakeConnection[] = [];
  readonly addresses: string[] = [];
  readonly #tickets = new Set<string>();
  #given = 0;
  head = 0;
  oldest = 1;
  /** Instead of a new connection; true: it goes on as usual. */
  admit: () => boolean = () => true;

  readonly outside: Outside = {
    fetch: async () => Promise.reject(new Error('a stream sends no requests')),
    connect: (address, on) => this.#connect(address, on),
    nowMs: () => this.clock.monoMs(),
    after: (ms, run) => this.clock.after(ms, run),
    random: () => 1,
  };

  readonly ticket = async (): Promise<string> => {
    this.#given += 1;
    const ticket = `ticket-${this.#given}`;
    this.#tickets.add(ticket);
    return ticket;
  };

  get ticketsGiven(): number {
    return this.#given;
  }

  get last(): FakeConnection {
    const last = this.connections.at(-1);
    if (last === undefined) throw new Error('no client came');
    return last;
  }

  get open(): FakeConnection[] {
    return this.connections.filter(({ closed }) => !closed);
  }

  happen(count = 1): void {
    const seqs = Array.from({ length: count }, (_, at) => this.head + 1 + at);
    this.head += count;
    for (const connection of this.open) connection.events(seqs);
  }

  #connect(address: string, on: SocketEvents): Socket {
    this.addresses.push(address);
    const connection = new FakeConnection(on);
    this.connections.push(connection);
    const url = new URL(address);
    // Nothing of a connection is received in the step in which it is made.
    queueMicrotask(() => {
      if (connection.closed) return;
      if (!this.admit() || !this.#tickets.delete(url.searchParams.get('ticket') ?? '')) return connection.end(1006);
      const asked = url.searchParams.get('after');
      const from = asked === null ? this.head : Math.min(Number(asked), this.head);
      const after = Math.max(from, this.oldest - 1);
      connection.start(after);
      connection.say([{ type: 'reeve.stream.opened', id: 'o', subject: 'town_1', ephemeral: true, data: { after } }]);
      const seqs = Array.from({ length: this.head - after }, (_, at) => after + 1 + at);
      if (seqs.length > 0) connection.events(seqs);
    });
    return { send: (text) => connection.receive(text), close: () => void (connection.closed = true) };
  }
}

export function eventOf(seq: number): object {
  const time = '2027-01-01T00:00:00.000Z';
  return { id: String(seq), type: 'reeve.agent.started', subject: 'agt_1', time, seq, data: { seq } };
}
