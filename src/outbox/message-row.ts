/** A row of `messages`, and the message that it holds. */
import type { AgentId, MessageId, MessageState } from '#protocol';
import type { Message } from './message.ts';

/** The columns, by their names. `works` counts turns that had begun when the message was queued again. */
export type MessageRow = {
  id: MessageId;
  agent: AgentId;
  seq: number;
  state: MessageState;
  content: string;
  sender: string;
  idempotency_key: string | null;
  bytes: number;
  attempt: number;
  works: number;
  tries: number;
  deliver_at_ms: number | null;
  created_at_ms: number;
  delivered_at_ms: number | null;
  finished_at_ms: number | null;
  reply: string | null;
  truncated: number;
  error: string | null;
  traceparent: string | null;
};

/** The message that a row holds. */
export function toMessage(row: MessageRow): Message {
  return {
    id: row.id,
    agent: row.agent,
    seq: row.seq,
    state: row.state,
    content: row.content,
    sender: row.sender,
    idempotencyKey: row.idempotency_key,
    bytes: row.bytes,
    attempt: row.attempt,
    crashedTurns: row.works,
    tries: row.tries,
    deliverAtMs: row.deliver_at_ms,
    createdAtMs: row.created_at_ms,
    deliveredAtMs: row.delivered_at_ms,
    finishedAtMs: row.finished_at_ms,
    reply: row.reply,
    truncated: row.truncated === 1,
    error: row.error,
    traceparent: row.traceparent,
  };
}
