/** An answer as a response of the Responses API, with the fields that its clients read. */
import { z } from '@hono/zod-openapi';
import type { AnswerHead } from './answer.ts';
import type { FinishReason } from './outcome.ts';

/** Its clients call a part of the text by the offsets of citations and odds of tokens; an agent gives neither. */
const textPart = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()),
  logprobs: z.array(z.unknown()),
});
const summaryPart = z.object({ type: z.literal('summary_text'), text: z.string() });
const itemStatus = z.enum(['in_progress', 'completed', 'incomplete']);

/** What the agent says (`message`), and what it does and thinks meanwhile (`reasoning`). Its own tools are never calls. */
const itemSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string(),
    status: itemStatus,
    role: z.literal('assistant'),
    content: z.array(textPart),
  }),
  z.object({ type: z.literal('reasoning'), id: z.string(), status: itemStatus, summary: z.array(summaryPart) }),
]);
export type Item = z.infer<typeof itemSchema>;

/** Tokens are not counted here: agents report none. */
const usageSchema = z.object({
  input_tokens: z.number().int(),
  input_tokens_details: z.object({ cached_tokens: z.number().int() }),
  output_tokens: z.number().int(),
  output_tokens_details: z.object({ reasoning_tokens: z.number().int() }),
  total_tokens: z.number().int(),
});
const NO_USAGE: z.infer<typeof usageSchema> = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

/** `null` and the empty lists are what requests may set and an agent does not heed. */
export const responseSchema = z
  .object({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.number().int(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
    model: z.string(),
    previous_response_id: z.string().nullable(),
    output: z.array(itemSchema),
    usage: usageSchema.nullable(),
    instructions: z.null(),
    metadata: z.object({}),
    parallel_tool_calls: z.literal(false),
    temperature: z.null(),
    tool_choice: z.literal('none'),
    tools: z.array(z.unknown()),
    top_p: z.null(),
  })
  .openapi('ResponseObject');
type Response = z.infer<typeof responseSchema>;

/** What a response is called, and which one it follows. */
export interface ResponseHead extends AnswerHead {
  readonly previous: string | null;
}

/** What of a response changes while it is written. */
export type ResponseState = Pick<Response, 'status' | 'output'> & { readonly error?: Response['error'] };

/** The response as it stands. */
export function responseOf(head: ResponseHead, { status, output, error = null }: ResponseState): Response {
  return {
    id: head.id,
    object: 'response',
    created_at: head.created,
    status,
    error,
    incomplete_details: status === 'incomplete' ? { reason: 'max_output_tokens' } : null,
    model: head.model,
    previous_response_id: head.previous,
    output,
    usage: status === 'in_progress' ? null : NO_USAGE,
    instructions: null,
    metadata: {},
    parallel_tool_calls: false,
    temperature: null,
    tool_choice: 'none',
    tools: [],
    top_p: null,
  };
}

/** `incomplete`: there is more than was said. */
export const statusOf = (finish: FinishReason) => (finish === 'stop' ? 'completed' : 'incomplete');

/** The whole answer, for a client that does not stream. */
export function wholeResponse(head: ResponseHead, text: string, finish: FinishReason): Response {
  const status = statusOf(finish);
  return responseOf(head, { status, output: [itemOf('text', `${head.id}-0`, status, [text])] });
}

/** An item of the output; without texts it is one that has yet to be written. */
export function itemOf(kind: PartKind, id: string, status: Item['status'], texts: readonly string[]): Item {
  return kind === 'text'
    ? { type: 'message', id: `msg_${id}`, status, role: 'assistant', content: texts.map(PARTS.text) }
    : { type: 'reasoning', id: `rs_${id}`, status, summary: texts.map(PARTS.reasoning) };
}

/** The one part of an item of each kind. */
export const PARTS = {
  text: (text: string): z.infer<typeof textPart> => ({ type: 'output_text', text, annotations: [], logprobs: [] }),
  reasoning: (text: string): z.infer<typeof summaryPart> => ({ type: 'summary_text', text }),
} as const;
export type PartKind = keyof typeof PARTS;
