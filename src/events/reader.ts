/**
 * One reader of the stream: what was sent to it, and what of that it has confirmed. Pure. The platform buffers without bound what
 * a stalled reader does not take, so nothing is sent to it beyond what fits here; what is stored waits in its table.
 */
import {
  MAX_UNACKED_BYTES,
  MAX_UNACKED_DELTAS,
  MAX_UNACKED_EVENTS,
  REPLAY_BYTES,
  REPLAY_EVENTS,
  type StreamAck,
} from '#protocol';

/** How far the stream had come when so many bytes had been sent. */
interface Mark {
  readonly seq: number;
  readonly deltas: number;
  readonly bytes: number;
}

/** Kept with the socket, so that it outlives hibernation. Counts are those of this connection. */
export interface Reader {
  readonly person: string;
  readonly endsAtMs: number;
  /** When it came, or last sent a frame that was no ping. */
  readonly heardAtMs: number;
  /** `seq` of the last event that was sent, and of the last that was confirmed; both begin at the reader's `after`. */
  readonly sent: number;
  readonly acked: number;
  /** It has everything: each event is sent as it happens, and deltas too. Otherwise it catches up. */
  readonly live: boolean;
  /** The town's newest event when the reader last confirmed something. */
  readonly headAtAck: number;
  readonly deltas: number;
  readonly deltasAcked: number;
  readonly bytes: number;
  readonly bytesAcked: number;
  readonly marks: readonly Mark[];
}

/** An attachment holds 16 KB; half of the marks go where there are more, which makes the count of bytes coarser, never lower. */
const MAX_MARKS = 32;

/** A reader that has everything up to event `after`, in a town whose newest one is `head`. */
export function newReader(person: string, after: number, head: number, endsAtMs: number, nowMs: number): Reader {
  const at = { sent: after, acked: after, live: after === head, headAtAck: head };
  return { person, endsAtMs, heardAtMs: nowMs, ...at, deltas: 0, deltasAcked: 0, bytes: 0, bytesAcked: 0, marks: [] };
}

/** `send`: so many events may follow now. `wait`: until it confirms. `stalled`: it is to be cut. */
export type Room = { readonly kind: 'send'; readonly events: number } | { readonly kind: 'wait' | 'stalled' };

/** Whether the next event may be sent to it. */
export function roomOf(reader: Reader, head: number): Room {
  const { live, sent, acked, headAtAck } = reader;
  const [events, bytes] = live ? [MAX_UNACKED_EVENTS, MAX_UNACKED_BYTES] : [REPLAY_EVENTS, REPLAY_BYTES];
  if (sent - acked < events && unackedBytes(reader) < bytes) return { kind: 'send', events: events - (sent - acked) };
  return { kind: live || head - headAtAck > MAX_UNACKED_EVENTS ? 'stalled' : 'wait' };
}

/** Whether a delta may be sent: only to a reader that is caught up, and at half the byte limit, so that events keep the other half. */
export function takesDeltas(reader: Reader): boolean {
  const unacked = reader.deltas - reader.deltasAcked;
  return reader.live && unacked < MAX_UNACKED_DELTAS && unackedBytes(reader) < MAX_UNACKED_BYTES / 2;
}

/** The reader after an event of so many bytes was sent to it. */
export function afterEvent(reader: Reader, seq: number, bytes: number): Reader {
  return { ...reader, sent: seq, bytes: reader.bytes + bytes };
}

/** The reader after a delta of so many bytes was sent to it. */
export function afterDelta(reader: Reader, bytes: number): Reader {
  return { ...reader, deltas: reader.deltas + 1, bytes: reader.bytes + bytes };
}

/** At the end of what is sent in one go. */
export function afterFeed(reader: Reader, head: number): Reader {
  const mark = { seq: reader.sent, deltas: reader.deltas, bytes: reader.bytes };
  const last = reader.marks.at(-1)?.bytes ?? reader.bytesAcked;
  const marks = last === mark.bytes ? reader.marks : [...reader.marks, mark];
  const kept = marks.length > MAX_MARKS ? marks.filter((_, at) => (marks.length - 1 - at) % 2 === 0) : marks;
  const live = reader.sent === head;
  // A burst that outruns a reader which kept up so far begins a replay, and its patience.
  const headAtAck = reader.live && !live ? head : reader.headAtAck;
  return { ...reader, live, headAtAck, marks: kept };
}

/** Null: it confirms what was never sent. A late one changes nothing. */
export function afterAck(reader: Reader, { seq, deltas = reader.deltas }: StreamAck, head: number): Reader | null {
  if (seq > reader.sent || deltas > reader.deltas) return null;
  const acked = Math.max(seq, reader.acked);
  const deltasAcked = Math.max(deltas, reader.deltasAcked);
  if (acked === reader.acked && deltasAcked === reader.deltasAcked) return reader;
  const passed = reader.marks.filter((mark) => mark.seq <= acked && mark.deltas <= deltasAcked);
  const bytesAcked = passed.at(-1)?.bytes ?? reader.bytesAcked;
  return { ...reader, acked, deltasAcked, bytesAcked, marks: reader.marks.slice(passed.length), headAtAck: head };
}

/** Bytes of frames that it has not confirmed. */
export function unackedBytes(reader: Reader): number {
  return reader.bytes - reader.bytesAcked;
}
