import type { TurnEvent } from '#protocol';
import type { Delta } from '../events/frame.ts';
import type { Agent } from '../roster/agent.ts';
import type { TownPorts } from './ports.ts';

/**
 * A piece of output for live readers, in its place among the events of the transaction that takes it; null for anything else, and
 * for what an earlier attempt still says. It is never stored.
 */
export function liveDelta(p: TownPorts, agent: Agent, event: TurnEvent, id: string): Delta | null {
  if (event.type !== 'turn.delta') return null;
  const message = p.messages.get(event.message);
  if (message?.agent !== agent.id || message.attempt !== event.attempt || message.finishedAtMs !== null) return null;
  const { attempt, text, at } = event;
  return { id, agent: agent.id, message: event.message, attempt, text, at, afterSeq: p.events.head() };
}
