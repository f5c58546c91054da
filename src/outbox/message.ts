/** A message to an agent, and the states that it goes through. */
import type { AgentId, MessageId, MessageState } from '#protocol';

/** One message to one agent, stored before anything is sent (T12). */
export interface Message {
  readonly id: MessageId;
  readonly agent: AgentId;
  /** Order within the agent, from 1. */
  readonly seq: number;
  readonly state: MessageState;
  readonly content: string;
  /** Who sent it: `person:<id>`, from the verified credential, or the town itself (`SYSTEM_SENDER`). */
  readonly sender: string;
  /** What the sender calls it; unique among the sender's messages in this town. */
  readonly idempotencyKey: string | null;
  /** Bytes of the content as JSON text. */
  readonly bytes: number;
  /** Grows whenever the message is queued again because its agent or session was gone. */
  readonly attempt: number;
  /** How often it was queued again out of a turn that had begun. */
  readonly crashedTurns: number;
  /** How often the current attempt was sent without an answer. */
  readonly tries: number;
  /** When it is sent (again), or null: it waits for its agent. */
  readonly deliverAtMs: number | null;
  readonly createdAtMs: number;
  /** Of the current attempt. A queued one that has it was handed over, and is queued again to fetch its result. */
  readonly deliveredAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly reply: string | null;
  readonly truncated: boolean;
  readonly error: string | null;
  /** The trace that its turn goes on with; null: it has none. */
  readonly traceparent: string | null;
}

/** A message as it is accepted. */
export type QueuedMessage = Pick<
  Message,
  | 'id'
  | 'agent'
  | 'seq'
  | 'content'
  | 'sender'
  | 'idempotencyKey'
  | 'bytes'
  | 'createdAtMs'
  | 'deliverAtMs'
  | 'traceparent'
>;

/** A message that was handed over, as its reader saw it: it moves only where its row is still the same. */
export type HandedOver = Pick<Message, 'id' | 'seq' | 'attempt' | 'crashedTurns'> & {
  readonly state: 'delivered' | 'working';
};

/** A message that is not over, by what names its turn. */
export type OpenTurn = Pick<Message, 'agent' | 'attempt' | 'state'>;

/** A final state is never left. */
export function isFinal(state: MessageState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}
