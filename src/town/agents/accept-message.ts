import { MAX_WAITING_BYTES, MAX_WAITING_MESSAGES, jsonBytes, type MessageId, type MessageView } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Message } from '../../outbox/message.ts';
import { isRepeat, type SentTranscript } from '../../outbox/transcript.ts';
import type { Agent } from '../../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { reviveAgent } from './agent-gone.ts';
import type { TownPorts } from '../ports.ts';
import { isServed } from './queue-plan.ts';
import { messageView } from '../views/views.ts';

/** A message as its sender writes it. */
export interface NewMessage {
  /** Drawn by the caller, so that a repeated call makes one message. */
  readonly id: MessageId;
  readonly agent: Agent;
  readonly content: string;
  /** From the verified credential of the sender. */
  readonly sender: string;
  /** The sender's own name for it: the same one again means the same message, also under another id. */
  readonly idempotencyKey?: string | null;
  /** What it was taken from, where its sender has no name for it. */
  readonly transcript?: SentTranscript | null;
  /** Of the request that it came with; null: the town begins no trace. */
  readonly traceparent?: string | null;
}

/** `idempotency_key_reused`: the sender gave this key to another message. `limit_exceeded`: too much waits already. */
export type AcceptRefusal = 'agent_retired' | 'idempotency_key_reused' | 'limit_exceeded';
/** Why nothing was stored; `not_found`: no such agent. */
export type SendRefusal = AcceptRefusal | 'not_found';

/** Accepts a message for an agent, by id or by the name of a live one. */
export function sendMessage(
  p: TownPorts,
  idOrName: string,
  message: Omit<NewMessage, 'agent'>,
): Result<MessageView, SendRefusal> {
  const agent = p.agents.find(idOrName);
  if (agent === null) return err('not_found');
  const accepted = acceptMessage(p, { ...message, agent });
  return accepted.ok ? ok(messageView(accepted.value)) : accepted;
}

/**
 * Writes a message before anything is sent (T12), with the repeat that delivers it if this object dies now. The same id or key
 * again returns what is there, whatever became of it, so a sender that was not answered may ask again as long as the message is
 * kept (M-39). The caller
 * returns the row and runs `serveAgent`.
 */
export function acceptMessage(p: TownPorts, message: NewMessage): Result<Message, AcceptRefusal> {
  const { id, agent, content, sender, idempotencyKey = null, transcript = null, traceparent = null } = message;
  return p.transaction(() => {
    const known = knownMessage(p, message);
    if (known !== null) {
      return known.agent === agent.id && known.content === content ? ok(known) : err('idempotency_key_reused');
    }
    if (agent.state === 'retired') return err('agent_retired');
    const queue = p.queues.ofAgent(agent.id);
    const bytes = jsonBytes(content);
    if (queue.waiting >= MAX_WAITING_MESSAGES) return err('limit_exceeded');
    if (p.queues.ofTown().bytes + bytes > MAX_WAITING_BYTES) return err('limit_exceeded');
    const now = p.clock.now();
    const deliverAtMs = isServed(p, agent) ? now + SAFETY_RETRY_MS : null;
    const seq = queue.lastSeq + 1;
    const sent = { content, sender, idempotencyKey, bytes, traceparent };
    p.messages.accept({ id, agent: agent.id, seq, ...sent, createdAtMs: now, deliverAtMs });
    if (transcript !== null) p.transcripts.add(sender, transcript.digest, id, now);
    p.events.append('reeve.message.accepted', agent.id, { message: id, sender }, now);
    if (agent.state === 'failed') reviveAgent(p, agent.id);
    const accepted = p.messages.get(id);
    if (accepted === null) throw new Error('an accepted message is a row');
    return ok(accepted);
  });
}

/** The message that this one repeats. */
function knownMessage(
  p: TownPorts,
  { id, sender, idempotencyKey = null, transcript = null }: NewMessage,
): Message | null {
  const known = p.messages.get(id) ?? (idempotencyKey === null ? null : p.messages.byKey(sender, idempotencyKey));
  if (known !== null || transcript === null) return known;
  const was = p.transcripts.get(sender, transcript.digest);
  const message = was === null ? null : p.messages.get(was.message);
  if (was === null || message === null) return null;
  return isRepeat(message, was, transcript, p.clock.now()) ? message : null;
}
