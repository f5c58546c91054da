import type { AgentState, MessageId, MessageState } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { TownPorts } from './ports.ts';
import type { Piece } from './state/drafts.ts';

/** How far a reader of one turn is: it has so many of the pieces of that attempt. Attempts count from 1, so it begins at attempt 0. */
export interface Place {
  readonly attempt: number;
  readonly pieces: number;
}

/** What is new of a message since a place. */
export interface TurnProgress {
  readonly state: MessageState;
  /** The state of its agent. */
  readonly agent: AgentState;
  /** Of one attempt, following what the reader has of it, or from its beginning. */
  readonly pieces: readonly Piece[];
  /** Where to go on from. */
  readonly place: Place;
  /** What it came to, once it is over. */
  readonly end: { readonly reply: string | null; readonly truncated: boolean; readonly error: string | null } | null;
}

/** What is new since `place`: at once where something is, else as soon as there is, or what there is after `waitMs`. */
export async function followTurn(
  p: TownPorts,
  message: MessageId,
  place: Place,
  waitMs: number,
): Promise<Result<TurnProgress, 'not_found'>> {
  const now = progressOf(p, message, place);
  if (now === null) return err('not_found');
  if (isNews(now) || waitMs <= 0) return ok(now);
  await p.drafts.wait(message, waitMs);
  return ok(progressOf(p, message, place) ?? now);
}

const isNews = ({ end, pieces }: TurnProgress): boolean => pieces.length > 0 || end !== null;

function progressOf(p: TownPorts, id: MessageId, place: Place): TurnProgress | null {
  const open = p.messages.turnOf(id);
  const ended = open === null ? p.messages.get(id) : null;
  const message = open ?? ended;
  const agent = message === null ? null : p.agents.get(message.agent);
  if (message === null || agent === null) return null;
  const draft = p.drafts.of(id);
  const has = draft?.attempt === place.attempt ? place.pieces : 0;
  const next = draft === null ? place : { attempt: draft.attempt, pieces: draft.pieces.length };
  return {
    state: message.state,
    agent: agent.state,
    pieces: draft?.pieces.slice(has) ?? [],
    place: next,
    end: ended === null ? null : { reply: ended.reply, truncated: ended.truncated, error: ended.error },
  };
}
