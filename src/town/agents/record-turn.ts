/**
 * What the control server says of a turn: in an event, or in the answer to a delivery that was repeated, whichever comes
 * first. It counts for the current attempt and once, and an event is written where it does. Every turn gets an event of its
 * start: where its end is the first report of it, because the delivery's answer and the report of its start were lost, it
 * began then at the latest. Synchronous, inside a transaction of the caller.
 */
import { MAX_EVENT_REPLY_UNITS, clip, type AgentId, type MessageId, type TurnEvent, type TurnResult } from '#protocol';
import { closePermissions } from './record-permission.ts';
import { recordFinished } from './record-finished.ts';
import type { TownPorts } from '../ports.ts';
import { isCurrentTurn } from '../state/current-turn.ts';

type TurnStep = Extract<TurnEvent, { type: 'turn.tool_call' | 'turn.plan' }>;

/** One attempt to work on a message. */
export interface Turn {
  readonly message: MessageId;
  readonly attempt: number;
}

/** Records that the turn began. Nothing changes where it is not the current attempt, or began before. */
export function recordTurnStarted(p: TownPorts, agent: AgentId, { message, attempt }: Turn, nowMs: number): void {
  if (!p.messages.working(message, attempt, nowMs)) return;
  p.events.append('reeve.turn.started', agent, { message, attempt }, nowMs);
}

/**
 * The same where the end of the turn is at hand: the event is written now, the row with its end. Returns whether it was new.
 */
export function announceTurnStarted(p: TownPorts, agent: AgentId, { message, attempt }: Turn, nowMs: number): boolean {
  const turn = p.messages.turnOf(message);
  if (turn?.attempt !== attempt || turn.state === 'working') return false;
  p.events.append('reeve.turn.started', agent, { message, attempt }, nowMs);
  return true;
}

/** What an agent shows of a turn under way: a tool that it uses, or its plan. Only of the current attempt. */
export function recordTurnStep(p: TownPorts, agent: AgentId, step: TurnStep, nowMs: number): void {
  if (!isCurrentTurn(p.messages, agent, step)) return;
  const { type, at: _, ...data } = step;
  p.events.append(`reeve.${type}`, agent, data, nowMs);
}

/** `isAnnounced`: the event of its start was written in this transaction. */
export function recordTurnFinished(
  p: TownPorts,
  agent: AgentId,
  { message, attempt, result }: Turn & { readonly result: TurnResult },
  nowMs: number,
  isAnnounced = false,
): void {
  if (!isAnnounced) announceTurnStarted(p, agent, { message, attempt }, nowMs);
  if (!p.messages.finish(message, attempt, result, nowMs, nowMs)) return;
  p.events.append('reeve.turn.finished', agent, { message, attempt, ...shown(result) }, nowMs);
  closePermissions(p, agent, nowMs, message);
  p.agents.forgetRestarts(agent);
  p.runtimes.recovered(agent);
  recordFinished(p, agent, [message], nowMs);
}

/** The result, with as much of a reply as an event carries. */
function shown(result: TurnResult) {
  if (result.state === 'failed') return { state: result.state, reply: null, truncated: false, error: result.error };
  const reply = clip(result.reply, MAX_EVENT_REPLY_UNITS);
  return { state: result.state, reply, truncated: result.truncated || reply !== result.reply, error: null };
}
