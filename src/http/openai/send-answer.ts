/** Sends an answer to the client, in the form of its API, and confirms the answer when the client has taken all of it. */
import { STREAM_HEADERS, deliveredBody, jsonAnswer } from '../edge/delivered-body.ts';
import type { Answer } from './answer.ts';
import { AGENT_ERROR_STATUS, type FinishReason } from './outcome.ts';

/** What of the context of a request is needed. */
interface Sending {
  readonly executionCtx: { waitUntil(work: Promise<unknown>): void };
}

/** While it is written: `texts` are its steps as server-sent events. */
export function sendStream({ executionCtx }: Sending, answer: Answer, texts: AsyncIterator<string>): Response {
  const body = deliveredBody(texts, () => executionCtx.waitUntil(answer.taken()));
  return new Response(body, { headers: STREAM_HEADERS });
}

/** When it is whole. A turn that failed is an error of OpenAI's shape, with a status of its own. */
export async function sendWhole(
  { executionCtx }: Sending,
  answer: Answer,
  bodyOf: (text: string, finish: FinishReason) => object,
): Promise<Response> {
  const outcome = await answer.whole();
  const [status, body] =
    outcome.kind === 'failed' ? [AGENT_ERROR_STATUS, outcome.error] : [200, bodyOf(outcome.text, outcome.finish)];
  return jsonAnswer(status, body, () => executionCtx.waitUntil(answer.taken()));
}
