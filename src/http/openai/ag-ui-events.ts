/** An answer as the events of an AG-UI run (protocol version 1.0). A run is one message to an agent, and its turn. */
import { data } from '../edge/delivered-body.ts';
import type { AnswerStep } from './answer-so-far.ts';
import { COMMENT } from './chunks.ts';
import type { Outcome } from './outcome.ts';

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
      case 'end':
        yield switchTo(null) + endOf(run, step.outcome);
    }
  }
}

function endOf(run: Run, outcome: Outcome): string {
  if (outcome.kind !== 'failed') return data({ type: 'RUN_FINISHED', ...run });
  const { message, code } = outcome.error.error;
  return data({ type: 'RUN_ERROR', message, ...(code === null ? {} : { code }) });
}

function beginningsOf(kind: Open, messageId: string): string[] {
  if (kind === null) return [];
  if (kind === 'text') return [data({ type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' })];
  return [
    data({ type: 'REASONING_START', messageId }),
    data({ type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' }),
  ];
}
