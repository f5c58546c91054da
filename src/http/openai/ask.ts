/** A request of a chat frontend, and what it comes to: the one way in for every API of this door. */
import type { Context } from 'hono';
import { MAX_STREAM_SECONDS, formatTraceparent, makeId } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import type { Person } from '../../people/person.ts';
import { callAs, chatAs } from '../edge/as-person.ts';
import type { Edge, EdgeEnv } from '../edge/edge.ts';
import { Refusal, orRefuse } from '../edge/problem.ts';
import { AgentAnswer, textAnswer, type Answer } from './answer.ts';
import { carryOut, commandIn } from './commands.ts';
import { messageKeyOf, type Header } from './message-key.ts';
import { UTILITY_MODEL, agentOfModel } from './model-name.ts';
import { UTILITY_ANSWER, sideCallIn } from './side-calls.ts';
import { messageIn, type Entries } from './transcript.ts';

/** What a client asks, whatever the API. */
export interface Request {
  readonly person: Person;
  readonly header: Header;
  readonly model: string;
  readonly entries: Entries;
  /** What the API calls the entries. */
  readonly field: string;
  readonly isStream: boolean;
  /** Of the span of the client's request. */
  readonly traceparent: string;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** Who asks in this request. */
export function askerOf(c: Context<EdgeEnv>): Pick<Request, 'person' | 'traceparent' | 'signal'> {
  return { person: c.get('person'), traceparent: formatTraceparent(c.get('trace')), signal: c.req.raw.signal };
}

/** The most that a client waits for a whole answer (s): many give up after ten minutes, and some before. */
const WAIT_SECONDS = 540;
/** A stream lasts no longer (s), as that of a town: its client may ask again, and finds the answer. */
const STREAM_SECONDS = MAX_STREAM_SECONDS;
/** Open WebUI cuts every request after 300 s, and shows an error: it is let go politely before (s). */
const OPEN_WEBUI_SECONDS = 285;

/**
 * Takes what is asked and returns its answer, which is yet to come where an agent gives it. Throws a `Refusal` where it is not taken;
 * nothing is stored then.
 */
export async function ask(edge: Edge, request: Request): Promise<Answer> {
  const { person, header, model, entries, traceparent } = request;
  const side = sideCallIn(header, entries);
  if (model === UTILITY_MODEL) return answerText(edge, side?.answer ?? UTILITY_ANSWER);
  const { town: entry, agent } = await agentOfModel(edge, person, model);
  const town = entry.id;
  if (side !== null) {
    const { client, kind, answer } = side;
    await orRefuse(chatAs(edge.town(town), person.id, 'chat', (chat) => chat.sideCall(agent, { client, kind })));
    return answerText(edge, answer);
  }
  const command = commandIn(entries);
  if (command !== null) return answerText(edge, await carryOut(command, () => edge.town(town), agent, person.id));
  const content = messageIn(entries, request.field);
  const { key: idempotencyKey, transcript } = await messageKeyOf(header, model, entries);
  const order = { id: makeId('msg', randomBytes(20)), content, idempotencyKey, transcript, traceparent };
  const sent = await callAs(edge.town(town), person.id, 'chat', (me) => me.sendMessage(agent, order));
  // A model that is gone is one that is not there.
  if (!sent.ok) throw new Refusal(sent.error === 'agent_retired' ? 'not_found' : sent.error);
  const wait = { town, person: person.id, seconds: patienceOf(edge, request), signal: request.signal };
  return new AgentAnswer(edge, sent.value, wait, transcript);
}

const answerText = (edge: Edge, text: string): Answer => textAnswer(text, edge.clock.now());

/** How long the client waits (s): no longer than its credential lasts, either. */
function patienceOf(edge: Edge, { header, isStream, person }: Request): number {
  const isOpenWebUi = OPEN_WEBUI_HEADERS.some((name) => header(name) !== undefined);
  const most = isOpenWebUi ? OPEN_WEBUI_SECONDS : isStream ? STREAM_SECONDS : WAIT_SECONDS;
  const left = person.endsAtMs === null ? most : Math.max(0, (person.endsAtMs - edge.clock.now()) / 1000);
  return Math.min(most, left);
}

/** Sent with each request where its connection is set up as docs/frontends.md says; the others where it forwards its users. */
const OPEN_WEBUI_HEADERS = ['x-openwebui-chat-id', 'x-openwebui-message-id', 'x-openwebui-user-id'];
