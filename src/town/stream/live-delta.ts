import type { TurnEvent } from '#protocol';
import type { Delta } from '../../events/frame.ts';
import type { Agent } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';
import { isCurrentTurn } from '../state/current-turn.ts';

/**
 * A piece of output for live readers, in its place among the events of the transaction that takes it; null for anything else, and
 * for what an earlier attempt still says. It is never stored.
 */
export function liveDelta(p: TownPorts, agent: Agent, event: TurnEvent, id: string): Delta | null {
  if (event.type !== 'turn.delta') return null;
  if (!isCurrentTurn(p.messages, agent.id, event)) return null;
  const { attempt, kind, text, at } = event;
  return { id, agent: agent.id, message: event.message, attempt, kind, text, at, afterSeq: p.events.head() };
}
