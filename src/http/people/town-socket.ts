/** The way of a person into the stream of a town: a ticket first, and a socket for it. */
import {
  MAX_STREAM_SECONDS,
  STREAM_REQUEST_HEADER,
  TICKET_TTL_SECONDS,
  writeStreamRequest,
  type StreamRequest,
} from '#protocol';
import { base64url, randomBytes, sha256 } from '#lib/secret.ts';
import { asPerson, type PersonsRequest } from '../edge/as-person.ts';
import type { Edge, TownStub } from '../edge/edge.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';

/** 256 bits. */
const TICKET_BYTES = 32;

/** A ticket that the town knows by its digest. */
export interface DrawnTicket {
  readonly ticket: string;
  readonly digest: string;
  readonly expiresAtMs: number;
}

/** Draws one for the person of the request; what it opens ends with their credential. Throws a `Refusal` where they may not have one. */
export async function drawTicket(edge: Edge, c: PersonsRequest): Promise<DrawnTicket> {
  const ticket = base64url(randomBytes(TICKET_BYTES));
  const digest = await sha256(ticket);
  const now = edge.clock.now();
  const { endsAtMs } = c.get('person');
  const lastMs = Math.min(endsAtMs ?? Infinity, now + MAX_STREAM_SECONDS * 1000);
  const expiresAtMs = Math.min(now + TICKET_TTL_SECONDS * 1000, lastMs);
  await orRefuse(asPerson(c, (me) => me.addTicket({ digest, expiresAtMs, endsAtMs: lastMs })));
  return { ticket, digest, expiresAtMs };
}

/** The town's answer with the open socket, 101. Throws a `Refusal` where the ticket is not good, or there is no place for one more. */
export async function openSocket(town: TownStub, request: StreamRequest): Promise<Response> {
  // A request of its own: nothing of the caller's address and headers goes on, and the ticket stays here.
  const headers = { upgrade: 'websocket', [STREAM_REQUEST_HEADER]: writeStreamRequest(request) };
  const answer = await town.fetch('https://town/stream', { headers });
  if (answer.status === 101) return answer;
  throw new Refusal(refusalOf(await answer.text()));
}

/** A town that is in the directory and not there gets the same answer as a wrong ticket. */
function refusalOf(code: string): 'limit_exceeded' | 'invalid_token' | 'unavailable' {
  if (code === 'closed') return 'unavailable';
  return code === 'limit_exceeded' ? code : 'invalid_token';
}
