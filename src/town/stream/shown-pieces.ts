/** What a batch of an agent shows of its turns, for those that follow one of them. */
import type { MessageId, TurnEvent } from '#protocol';
import type { Delta } from '../../events/frame.ts';
import type { Agent } from '../../roster/agent.ts';
import type { TownPorts } from '../ports.ts';
import { isCurrentTurn } from '../state/current-turn.ts';
import type { Piece } from '../state/drafts.ts';

/** A turn begins (`piece` null), or shows something. */
export interface Shown {
  readonly message: MessageId;
  readonly attempt: number;
  readonly piece: Piece | null;
}

/** Null: the event shows nothing that is followed, or is of a turn that is not the agent's current attempt. `delta`: what it is live. */
export function shownBy(p: TownPorts, agent: Agent, event: TurnEvent, delta: Delta | null): Shown | null {
  if (delta !== null) {
    const { message, attempt, kind, text } = delta;
    return { message, attempt, piece: { kind, text, ref: '' } };
  }
  const piece = pieceOf(event);
  if (piece === undefined || !('message' in event)) return null;
  if (!isCurrentTurn(p.messages, agent.id, event)) return null;
  return { message: event.message, attempt: event.attempt, piece };
}

/** Null: a beginning; undefined: nothing that is followed. */
function pieceOf(event: TurnEvent): Piece | null | undefined {
  if (event.type === 'turn.started') return null;
  if (event.type === 'turn.tool_call') return { kind: 'tool', text: event.title, ref: event.tool_call };
  if (event.type === 'permission.requested') return { kind: 'question', text: event.title, ref: event.permission };
  return undefined;
}

/** Keeps it, once the batch is committed: what was rolled back comes again. */
export function keepShown({ drafts }: Pick<TownPorts, 'drafts'>, shown: readonly Shown[]): void {
  for (const { message, attempt, piece } of shown) {
    if (piece === null) drafts.begin(message, attempt);
    else drafts.add(message, attempt, piece);
  }
}
