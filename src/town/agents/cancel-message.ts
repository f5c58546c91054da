import type { MessageView } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import { recordFinished } from './record-finished.ts';
import type { TownPorts } from '../ports.ts';
import { messageView } from '../views/views.ts';
import { planWithdrawal } from './plan-withdrawal.ts';

/** `state_conflict`: its agent has it, also where only its result is still to be fetched, or it is over. */
export type CancelRefusal = 'not_found' | 'state_conflict';

/**
 * Ends a message that is still queued. A second one changes nothing. Where a delivery of it was sent and not answered, the
 * control server may hold it all the same: its withdrawal is stored with its end, the caller runs `withdrawMessages`, and
 * what the control server says of it counts no more.
 */
export function cancelMessage(p: TownPorts, idOrName: string, id: string): Result<MessageView, CancelRefusal> {
  return p.transaction(() => {
    const agent = p.agents.find(idOrName)?.id;
    const message = p.messages.get(id);
    if (message === null || agent === undefined || message.agent !== agent) return err('not_found');
    if (message.state === 'cancelled') return ok(messageView(message));
    const now = p.clock.now();
    if (!p.messages.cancel(message.id, now)) return err('state_conflict');
    p.events.append('reeve.message.cancelled', agent, { message: message.id }, now);
    recordFinished(p, agent, [message.id], now);
    planWithdrawal(p, message);
    return ok(messageView({ ...message, state: 'cancelled', finishedAtMs: now }));
  });
}
