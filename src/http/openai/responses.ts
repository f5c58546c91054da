/** The Responses API: a message to an agent, and its reply as the response of a model. */
import { z } from '@hono/zod-openapi';
import { messageIdSchema } from '#protocol';
import type { Person } from '../../people/person.ts';
import { callAs } from '../edge/as-person.ts';
import { requirePerson } from '../edge/authenticate.ts';
import { declareRoute } from '../edge/declare-route.ts';
import { edgeOfRequest, type App, type Edge } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { jsonBody, transcriptBody } from '../edge/route-parts.ts';
import { sendHeaders } from '../edge/schemas.ts';
import { ASIDE, headOf } from './answer.ts';
import { ask, askerOf } from './ask.ts';
import { openAiStreams } from './error-shape.ts';
import { UTILITY_MODEL, agentOfModel } from './model-name.ts';
import { responseEvents } from './response-events.ts';
import { responseSchema, wholeResponse } from './response.ts';
import { sendStream, sendWhole } from './send-answer.ts';
import { requestFields, type Entries } from './transcript.ts';

/** What ids of responses begin with. */
const PREFIX = 'resp_';

/** What is asked of an agent. What is not here is taken and has no effect. */
const responseRequestSchema = z
  .looseObject({
    ...requestFields,
    input: z.union([
      z.string(),
      z.array(z.looseObject({ role: z.string().optional(), content: z.unknown().optional() })).min(1),
    ]),
    instructions: z.unknown().optional(),
    previous_response_id: z.string().max(256).nullish(),
    conversation: z.null('must not be set: an agent has one conversation, its own').optional(),
    background: z.literal(false, 'must be false: an answer is waited for').nullish(),
  })
  .openapi('ResponseRequest');
type ResponseRequest = z.infer<typeof responseRequestSchema>;

/** `POST /openai/v1/responses`. */
export function responseRoutes(app: App, edge: Edge): void {
  app.openapi(
    declareRoute('OpenAI', ['person'], {
      operationId: 'createResponse',
      method: 'post',
      path: '/openai/v1/responses',
      summary: 'Send a message to an agent, and get its reply as a response',
      middleware: [requirePerson(edge), transcriptBody] as const,
      request: { headers: sendHeaders.pick({ 'idempotency-key': true }), body: jsonBody(responseRequestSchema) },
      responses: openAiStreams(responseSchema, 'The reply; or, past 540 s, that the agent goes on'),
    }),
    async (c) => {
      const request = c.req.valid('json');
      const { model, stream, previous_response_id: previous = null } = request;
      const person = c.get('person');
      if (previous !== null) await requireOwn(edge, person, model, previous);
      const isStream = stream === true;
      const header = (name: string) => c.req.header(name);
      const asked = { header, model, entries: entriesOf(request), field: 'input', isStream };
      const answer = await ask(edgeOfRequest(edge, c), { ...askerOf(c), ...asked });
      const head = { ...headOf(PREFIX, answer, model), previous };
      if (!isStream) return sendWhole(c, answer, (text, finish) => wholeResponse(head, text, finish));
      return sendStream(c, answer, responseEvents(head, answer.steps()));
    },
  );
}

/**
 * The transcript of a request. An item without a role is of the assistant: what it thought and called, and references to what it said.
 * What stands beside the input comes after it, so that errors name the items by their places; it tells one request from another.
 */
function entriesOf({ input, instructions, previous_response_id: previous }: ResponseRequest): Entries {
  const items = typeof input === 'string' ? [{ role: 'user', content: input }] : input;
  return [
    ...items.map((item) => ({ ...item, role: item.role ?? 'assistant' })),
    { role: 'system', content: instructions },
    { role: 'previous_response', id: previous },
  ];
}

/**
 * The conversation that a response belongs to is the agent's own, so that a response of this agent chooses nothing, and one of any other
 * model names what the agent has never seen. Throws a `Refusal` for such a one.
 */
async function requireOwn(edge: Edge, person: Person, model: string, response: string): Promise<void> {
  const id = response.startsWith(PREFIX) ? response.slice(PREFIX.length) : '';
  if (id.startsWith(ASIDE) || model === UTILITY_MODEL) return;
  const message = messageIdSchema.safeParse(id);
  if (message.success) {
    const { town, agent } = await agentOfModel(edge, person, model);
    const found = await callAs(edge.town(town.id), person.id, 'read', (me) => me.getMessage(agent, message.data));
    if (found.ok) return;
  }
  throw new Refusal('invalid_request', {
    errors: [{ path: 'previous_response_id', message: 'must be a response of this model, not older than 30 days' }],
  });
}
