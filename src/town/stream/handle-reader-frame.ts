/** What a reader of the stream says: how far it has come. Anything else ends its stream. */
import { MAX_STREAM_FRAME_BYTES, streamAckSchema, type StreamAck, type StreamClose } from '#protocol';
import { parseJson } from '#lib/json.ts';
import { afterAck } from '../../events/reader.ts';
import { feedReader } from './feed-readers.ts';
import type { TownPorts } from '../ports.ts';

/** Takes what a reader confirms, and sends what there is room for then. Anything else closes the socket. */
export function handleReaderFrame(p: TownPorts, socket: WebSocket, frame: string | ArrayBuffer): void {
  const reader = p.readers.readerOf(socket);
  // What comes from one that was closed meanwhile is of no interest.
  if (reader === null || socket.readyState !== WebSocket.OPEN) return;
  const ack = parseAck(frame);
  if (typeof ack === 'string') return p.readers.close(socket, ack);
  const acked = afterAck(reader, ack, p.events.head());
  if (acked === null) return p.readers.close(socket, 'invalid');
  const kept = { ...acked, heardAtMs: p.clock.now() };
  p.readers.keep(socket, kept);
  if (acked !== reader) feedReader(p, { socket, reader: kept });
}

/** Closes the streams whose credential is over. */
export function endStreams(p: TownPorts): void {
  const now = p.clock.now();
  for (const { socket, reader } of p.readers.open()) if (reader.endsAtMs <= now) p.readers.close(socket, 'ended');
}

function parseAck(frame: string | ArrayBuffer): StreamAck | StreamClose {
  if (typeof frame !== 'string') return 'unsupported';
  // Any character takes a byte at least; an honest frame is far from the limit.
  if (frame.length > MAX_STREAM_FRAME_BYTES) return 'too_large';
  const parsed = streamAckSchema.safeParse(parseJson(frame));
  return parsed.success ? parsed.data : 'invalid';
}
