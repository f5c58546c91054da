/** The way into the stream: a ticket for a person, and a socket for a ticket. */
import {
  MAX_LEFT_BEHIND_BYTES,
  MAX_STREAMS_PER_PERSON,
  MAX_STREAMS_PER_TOWN,
  MAX_TICKETS_PER_TOWN,
  READER_SILENT_MS,
  readStreamRequest,
  STREAM_REQUEST_HEADER,
} from '#protocol';
import { openingText } from '../../events/frame.ts';
import { newReader } from '../../events/reader.ts';
import type { Ticket } from '../../events/ticket-store.ts';
import { err, ok, type Result } from '#lib/result.ts';
import { base64url, randomBytes } from '#lib/secret.ts';
import { feedReader } from './feed-readers.ts';
import type { TownPorts } from '../ports.ts';

/** `invalid_token`: the ticket is unknown, used or over. `limit_exceeded`: there is no place for one more. */
export type StreamRefusal = 'invalid_token' | 'limit_exceeded';

/** Takes a ticket into store; its person is a member who came with a valid credential. */
export function addTicket(p: TownPorts, ticket: Ticket): Result<null, 'limit_exceeded'> {
  const added = p.transaction(() => p.tickets.add(ticket, MAX_TICKETS_PER_TOWN, p.clock.now()));
  return added ? ok(null) : err('limit_exceeded');
}

/**
 * Accepts a reader. Everything is checked before, and in one step: the ticket is used up in the transaction that finds it, so of
 * two that show the same one is refused, and a reader that finds no room keeps its ticket for another try.
 */
export function openStream(p: TownPorts, request: Request): Result<Response, StreamRefusal> {
  const { digest, after } = readStreamRequest(request.headers.get(STREAM_REQUEST_HEADER) ?? '');
  const ticket = p.transaction(() => {
    const found = p.tickets.find(digest, p.clock.now());
    // A person whose membership ended between the ticket and the socket opens nothing.
    if (found === null || p.members.get(found.person) === null) return err('invalid_token' as const);
    if (!makeRoom(p, found.person)) return err('limit_exceeded' as const);
    p.tickets.remove(digest);
    return ok(found);
  });
  return ticket.ok ? ok(accept(p, ticket.value, after)) : ticket;
}

/**
 * Whether there is a place for one more: where all are taken, that of the reader that is silent for longest, and long enough
 * to be gone.
 */
function makeRoom(p: TownPorts, person: string): boolean {
  const { all, own, leftBytes } = p.readers.count(person);
  if (leftBytes > MAX_LEFT_BEHIND_BYTES) return false;
  const isOwnFull = own >= MAX_STREAMS_PER_PERSON;
  if (!isOwnFull && all < MAX_STREAMS_PER_TOWN) return true;
  const silent = p.readers.longestSilent(isOwnFull ? person : null, p.clock.now() - READER_SILENT_MS);
  if (silent === null) return false;
  p.readers.close(silent, 'stalled');
  return true;
}

function accept(p: TownPorts, { person, endsAtMs }: Ticket, asked: number | null): Response {
  const { 0: theirs, 1: ours } = new WebSocketPair();
  const head = p.events.head();
  // One that is ahead of the town has read a future which a restored database does not have: it goes on from here.
  const from = Math.min(asked ?? head, head);
  const after = Math.max(from, p.events.oldest() - 1);
  const reader = newReader(person, after, head, endsAtMs, p.clock.now());
  p.readers.accept(ours, reader);
  const opening = { id: base64url(randomBytes(16)), after, missed: after - from, endsAtMs };
  feedReader(p, { socket: ours, reader }, openingText(p.id, opening, p.clock.now()));
  return new Response(null, { status: 101, webSocket: theirs });
}
