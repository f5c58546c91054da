/** Chat completions: a message to an agent, and its reply as the answer of a model. */
import { requirePerson } from '../edge/authenticate.ts';
import { declareRoute } from '../edge/declare-route.ts';
import { edgeOfRequest, type App, type Edge } from '../edge/edge.ts';
import { jsonBody, transcriptBody } from '../edge/route-parts.ts';
import { sendHeaders } from '../edge/schemas.ts';
import { headOf } from './answer.ts';
import { ask, askerOf } from './ask.ts';
import { chatChunks } from './chunks.ts';
import { completionOf, completionSchema } from './completion.ts';
import { openAiStreams } from './error-shape.ts';
import { sendStream, sendWhole } from './send-answer.ts';
import { chatRequestSchema } from './transcript.ts';

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
      const { model, messages: entries, stream, stream_options: options } = c.req.valid('json');
      const isStream = stream === true;
      const header = (name: string) => c.req.header(name);
      const asked = { header, model, entries, field: 'messages', isStream };
      const answer = await ask(edgeOfRequest(edge, c), { ...askerOf(c), ...asked });
      const head = headOf('chatcmpl-', answer, model);
      if (!isStream) return sendWhole(c, answer, (text, finish) => completionOf(head, text, finish));
      return sendStream(c, answer, chatChunks(head, answer.steps(), options?.include_usage === true));
    },
  );
}
