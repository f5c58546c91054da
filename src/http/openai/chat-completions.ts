/** Chat completions: a message to an agent, and its reply as the answer of a model. */
import { MAX_STREAM_SECONDS, makeId, type MessageView, type TownId } from '#protocol';
import { randomBytes } from '#lib/secret.ts';
import type { Person } from '../../people/person.ts';
import { requirePerson } from '../edge/authenticate.ts';
import { declareRoute } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { idempotencyKeyOf } from '../edge/idempotency-key.ts';
import { Refusal } from '../edge/problem.ts';
import { jsonBody, transcriptBody } from '../edge/route-parts.ts';
import { sendHeaders } from '../edge/schemas.ts';
import { untilFinished } from '../edge/until-finished.ts';
import { STREAM_HEADERS, chatChunks } from './chunks.ts';
import { completionOf, completionSchema, headOf } from './completion.ts';
import { openAiStreams } from './error-shape.ts';
import { deliveredBody } from './delivered-body.ts';
import { followAnswer } from './follow-answer.ts';
import { agentOfModel, ownTownOf } from './model-name.ts';
import { AGENT_ERROR_STATUS, outcomeOf } from './outcome.ts';
import { chatRequestSchema, messageIn } from './transcript.ts';

/** The most that a client waits for a whole answer (s): many give up after ten minutes, and some before. */
const WAIT_SECONDS = 540;
/** A stream lasts no longer (s), as that of a town: its client may ask again, and finds the answer. */
const STREAM_SECONDS = MAX_STREAM_SECONDS;

/** `POST /openai/v1/chat/completions`. */
export function chatCompletionRoutes(app: App, edge: Edge): void {
  app.openapi(
    declareRoute('OpenAI', ['person'], {
      operationId: 'createChatCompletion',
      method: 'post',
      path: '/openai/v1/chat/completions',
      summary: 'Send a message to an agent, and get its reply as a chat completion',
      middleware: [requirePerson(edge), transcriptBody] as const,
      request: { headers: sendHeaders.pick({ 'idempotency-key': true }), body: jsonBody(chatRequestSchema) },
      responses: openAiStreams(completionSchema, 'The reply; or, past 540 s, that the agent goes on'),
    }),
    async (c) => {
      const request = c.req.valid('json');
      const content = messageIn(request.messages, 'messages');
      const key = idempotencyKeyOf(c.req.header('idempotency-key'), undefined);
      const { town, message } = await send(edge, c.get('person'), request.model, content, key);
      const { signal } = c.req.raw;
      if (request.stream === true) {
        const steps = followAnswer(edge, message, { town, seconds: STREAM_SECONDS, signal });
        const chunks = chatChunks(
          headOf(message, request.model),
          steps,
          request.stream_options?.include_usage === true,
        );
        return new Response(
          deliveredBody(chunks, () => undefined),
          { headers: STREAM_HEADERS },
        );
      }
      const wait = { town, seconds: WAIT_SECONDS, signal };
      const outcome = outcomeOf(await untilFinished(edge, message, wait));
      if (outcome.kind === 'failed') return c.json(outcome.error, AGENT_ERROR_STATUS);
      return c.json(completionOf(headOf(message, request.model), outcome.text, outcome.finish), 200);
    },
  );
}

/** Accepts the message for the agent that `model` names. Throws a `Refusal` where it is not accepted; nothing is stored then. */
async function send(
  edge: Edge,
  person: Person,
  model: string,
  content: string,
  idempotencyKey: string | null,
): Promise<{ town: TownId; message: MessageView }> {
  const named = agentOfModel(model);
  const town = named === null ? null : await ownTownOf(edge, person, named.town);
  if (named === null || town === null) throw new Refusal('not_found');
  const order = { id: makeId('msg', randomBytes(20)), content, sender: `person:${person.id}`, idempotencyKey };
  const sent = await edge.town(town).sendMessage(named.agent, order);
  if (sent.ok) return { town, message: sent.value };
  // A model that is gone is one that is not there.
  throw new Refusal(sent.error === 'agent_retired' ? 'not_found' : sent.error);
}
