/** An answer as a chat completion. */
import { z } from '@hono/zod-openapi';
import type { AnswerHead } from './answer.ts';
import type { FinishReason } from './outcome.ts';

/** Tokens are not counted here: agents report none. Clients that add them up find the field. */
export const NO_USAGE = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 } as const;

const usageSchema = z.object({
  prompt_tokens: z.number().int(),
  completion_tokens: z.number().int(),
  total_tokens: z.number().int(),
});

/** A whole answer, for a client that does not stream. */
export const completionSchema = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.number().int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.literal(0),
        message: z.object({ role: z.literal('assistant'), content: z.string() }),
        finish_reason: z.enum(['stop', 'length']),
      }),
    ),
    usage: usageSchema,
  })
  .openapi('ChatCompletion');
type Completion = z.infer<typeof completionSchema>;

/** The whole answer. */
export function completionOf(head: AnswerHead, content: string, finish: FinishReason): Completion {
  const { id, created, model } = head;
  const choice = { index: 0, message: { role: 'assistant', content }, finish_reason: finish } as const;
  return { id, object: 'chat.completion', created, model, choices: [choice], usage: NO_USAGE };
}
