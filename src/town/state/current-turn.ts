import type { AgentId, MessageId } from '#protocol';
import type { MessageStore } from '../../outbox/message-store.ts';

/** Whether an agent works on a message, in this attempt: what an earlier one still says counts no more. */
export function isCurrentTurn(
  messages: Pick<MessageStore, 'turnOf'>,
  agent: AgentId,
  { message, attempt }: { readonly message: MessageId; readonly attempt: number },
): boolean {
  const turn = messages.turnOf(message);
  return turn?.agent === agent && turn.attempt === attempt;
}
