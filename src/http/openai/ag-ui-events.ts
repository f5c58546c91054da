/** An answer as the events of an AG-UI run (protocol version 1.0). A run is one message to an agent, and its turn. */
import type { AnswerStep } from './answer-so-far.ts';
import { COMMENT, data } from './chunks.ts';

/** What a client calls its run. */
export interface Run {
  readonly threadId: string;
  readonly runId: string;
}

/** Which kind of message is open: each is begun before its first piece, and ended before anything else comes. */
type Open = 'text' | 'reasoning' | null;

const ENDS = { text: ['TEXT_MESSAGE_END'], reasoning: ['REASONING_MESSAGE_END', 'REASONING_END'] } as const;

/**
 * The whole stream, from RUN_STARTED to RUN_FINISHED or RUN_ERROR. What the agent does and thinks is reasoning; its tools are its own and
 * no tool calls, which a client would carry out.
 * @param id of the answer; each message in it has a number of its own behind that
 */
export async function* runEvents(run: Run, id: string, steps: AsyncIterable<AnswerStep>): AsyncGenerator<string, void> {
  let open: Open = null;
  let messages = 0;
  const messageId = (): string => `${id}-${messages}`;
  const switchTo = (kind: Open): string => {
    if (kind === open) return '';
    const ends = open === null ? [] : ENDS[open].map((type) => data({ type, messageId: messageId() }));
    open = kind;
    if (kind !== null) messages += 1;
    return [...ends, ...beginningsOf(kind, messageId())].join('');
  };
  yield data({ type: 'RUN_STARTED', ...run, protocolVersion: '1.0' });
  for await (const step of steps) {
    switch (step.kind) {
      case 'text':
      case 'reasoning': {
        const type = step.kind === 'text' ? 'TEXT_MESSAGE_CONTENT' : 'REASONING_MESSAGE_CONTENT';
        yield switchTo(step.kind) + data({ type, messageId: messageId(), delta: step.text });
        break;
      }
      case 'idle':
        yield COMMENT;
        break;
      case 'end': {
        const { outcome } = step;
        const { message, code } = outcome.kind === 'failed' ? outcome.error.error : { message: '', code: null };
        yield (
          switchTo(null) +
          data(
            outcome.kind === 'failed'
              ? { type: 'RUN_ERROR', message, ...(code === null ? {} : { code }) }
              : { type: 'RUN_FINISHED', ...run },
          )
        );
      }
    }
  }
}

function beginningsOf(kind: Open, messageId: string): string[] {
  if (kind === null) return [];
  if (kind === 'text') return [data({ type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' })];
  return [
    data({ type: 'REASONING_START', messageId }),
    data({ type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' }),
  ];
}
