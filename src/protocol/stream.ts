/** What a reader of the live stream and the town say to each other (docs/stream.md). Frames are JSON texts; those of the town hold events. */
import { z } from 'zod';
import { messageIdSchema } from './ids.ts';
import { DELTA_KINDS } from './turn-events.ts';

/** How long a ticket may wait to be used, in seconds. */
export const TICKET_TTL_SECONDS = 30;
/** Tickets of one town that wait to be used. */
export const MAX_TICKETS_PER_TOWN = 200;
/** A ticket: 256 random bits in base64url. */
export const ticketSchema = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected a ticket');

/** A stream ends with the credential of its person, and after this long (s) at the latest. */
export const MAX_STREAM_SECONDS = 3600;
/** Sockets that one person has open to one town. */
export const MAX_STREAMS_PER_PERSON = 100;
/** Sockets of one town. What is sent to a reader that stalls stays in memory, so they are few. */
export const MAX_STREAMS_PER_TOWN = 128;
/**
 * A reader that says nothing for so long (ms), not even a ping, gives up its place where another reader needs one: three of the
 * pings that a client sends (client/connection.ts) did not come.
 */
export const READER_SILENT_MS = 75_000;
/** What closed streams have not read stays in memory until the platform drops them: past so many bytes no reader is let in. */
export const MAX_LEFT_BEHIND_BYTES = 32 * 1024 * 1024;
/** A reader that has not confirmed so many stored events is cut. */
export const MAX_UNACKED_EVENTS = 1000;
/** A reader that has not confirmed so many deltas gets no more of them. */
export const MAX_UNACKED_DELTAS = 500;
/** The same in bytes of frames: events, and half of it for deltas, so that these go first. */
export const MAX_UNACKED_BYTES = 512 * 1024;
/** While a reader catches up, so many events are on their way to it; more follow when it confirms. */
export const REPLAY_EVENTS = 500;
/** The same in bytes of frames. */
export const REPLAY_BYTES = 256 * 1024;
/** A frame of the town, in bytes: what a step has for a reader is one, and more where it does not fit. An event that is larger is one alone. */
export const MAX_TOWN_FRAME_BYTES = 64 * 1024;
/** A frame of a reader: all it has to say are a few numbers. */
export const MAX_STREAM_FRAME_BYTES = 1024;

/** Why the town closes a stream. 1003, 1008 and 1009 are those of RFC 6455, section 7.4.1. */
export const STREAM_CLOSE = {
  /** Neither text nor anything that a reader says; and a text that is none of its frames. */
  unsupported: { code: 1003, reason: 'frames are texts' },
  invalid: { code: 1008, reason: 'not a frame of this protocol' },
  too_large: { code: 1009, reason: 'the frame is too large' },
  /** The credential that it was opened with is over: come again with a new ticket. */
  ended: { code: 4001, reason: 'the credential ended' },
  /** Its person is no member of the town any more. */
  removed: { code: 4003, reason: 'not a member of the town' },
  /** Too much is unconfirmed; or it was silent, and its place was needed. */
  stalled: { code: 4008, reason: 'reconnect with after' },
} as const;
export type StreamClose = keyof typeof STREAM_CLOSE;

/** Answered by the platform, so that a reader can see that its connection lives without waking the town. */
export const STREAM_PING = '{"type":"ping"}';
/** The answer to a ping, exactly this text; it says nothing of the town. */
export const STREAM_PONG = '{"type":"pong"}';

/**
 * What a reader says: everything up to event `seq`, and of this connection's deltas up to number `deltas`, has arrived. Without
 * `deltas` it confirms all that were sent so far.
 */
export const streamAckSchema = z.strictObject({
  type: z.literal('ack'),
  seq: z.number().int().min(0),
  deltas: z.number().int().min(0).optional(),
});
export type StreamAck = z.infer<typeof streamAckSchema>;

/** A frame of a reader: a confirmation, or a ping. */
export const streamReaderFrameSchema = z.union([streamAckSchema, z.strictObject({ type: z.literal('ping') })]);

/** Attributes of a CloudEvent that is in the stream alone: it is never stored, and not sent again. */
const ephemeral = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  subject: z.string(),
  time: z.iso.datetime(),
  datacontenttype: z.literal('application/json'),
  ephemeral: z.literal(true),
});
/** The first event of a stream: those after `after` follow; `missed` of those that were asked for are no longer kept. */
export const streamOpenedSchema = ephemeral.extend({
  type: z.literal('reeve.stream.opened'),
  data: z.object({ after: z.number().int(), missed: z.number().int(), ends_at: z.iso.datetime() }),
});
/** A piece of a reply, or of what its agent thinks, as it is written. */
const deltaSchema = ephemeral.extend({
  type: z.literal('reeve.turn.delta'),
  data: z.object({ message: messageIdSchema, attempt: z.number().int(), kind: z.enum(DELTA_KINDS), text: z.string() }),
});

/** A frame of the town: stored events by `event`, and what is in the stream alone. */
export const streamFrameOf = <T extends z.ZodType>(event: T) =>
  z.array(z.union([streamOpenedSchema, deltaSchema, event]));

/** The header of the upgrade in which the Worker hands a reader over to its town: a socket cannot cross a call. */
export const STREAM_REQUEST_HEADER = 'x-reeve-stream';

/**
 * What that header says. `digest` is the SHA-256 of the ticket, whose text stays in the Worker; `after` is the last event
 * that the reader has, null where it begins with the next one.
 */
const streamRequestSchema = z.object({
  digest: z.string(),
  after: z.number().int().min(0).nullable(),
});
export type StreamRequest = z.infer<typeof streamRequestSchema>;

/** Escaped, as a header takes it. */
export function writeStreamRequest(request: StreamRequest): string {
  return encodeURIComponent(JSON.stringify(request));
}

/** Reads what `writeStreamRequest` wrote. Throws on any other text: only the Worker sets this header. */
export function readStreamRequest(text: string): StreamRequest {
  return streamRequestSchema.parse(JSON.parse(decodeURIComponent(text)));
}
