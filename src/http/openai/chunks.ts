/** An answer as the chunks of a chat completion, in server-sent events without names: clients of this API read none. */
import { data } from '../edge/delivered-body.ts';
import type { AnswerHead } from './answer.ts';
import { NO_USAGE } from './completion.ts';
import type { FinishReason } from './outcome.ts';
import type { AnswerStep } from './answer-so-far.ts';

/** A line that every client skips, and that shows every proxy that the connection lives. */
export const COMMENT = ': at work\n\n';
const DONE = 'data: [DONE]\n\n';

/**
 * The whole stream: the role at once, what the agent does as `reasoning_content`, the text, and the reason why it ended, always. A turn
 * that failed is an `error` in its place.
 */
export async function* chatChunks(
  head: AnswerHead,
  steps: AsyncIterable<AnswerStep>,
  withUsage: boolean,
): AsyncGenerator<string, void> {
  yield chunk(head, { role: 'assistant', content: '' }, null);
  for await (const step of steps) {
    switch (step.kind) {
      case 'text':
        yield chunk(head, { content: step.text }, null);
        break;
      case 'reasoning':
        yield chunk(head, { reasoning_content: step.text }, null);
        break;
      case 'idle':
        yield COMMENT;
        break;
      case 'end':
        yield step.outcome.kind === 'failed' ? data(step.outcome.error) : chunk(head, {}, step.outcome.finish);
    }
  }
  if (withUsage) yield data({ ...named(head), choices: [], usage: NO_USAGE });
  yield DONE;
}

const named = ({ id, created, model }: AnswerHead): object => ({ id, object: 'chat.completion.chunk', created, model });

function chunk(head: AnswerHead, delta: object, finish: FinishReason | null): string {
  return data({ ...named(head), choices: [{ index: 0, delta, finish_reason: finish }] });
}
