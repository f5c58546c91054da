/**
 * What the box says of a turn: in an event, or in the answer to a delivery that was repeated, whichever comes first. It counts
 * for the current attempt and once, and is told in an event where it does. Every turn is told from its beginning: where its end
 * is the first that is heard of it, because the delivery's answer and the report of its start were lost, it began then at the
 * latest. Synchronous, inside a transaction of the caller.
 */
import type { AgentId, MessageId, TurnEvent, TurnResult } from '#protocol';
import { closePermissions } from './record-permission.ts';
import { recordFinished } from './record-finished.ts';
import type { TownPorts } from '../ports.ts';

type TurnStep = Extract<TurnEvent, { type: 'turn.tool_call' | 'turn.plan' }>;

export interface Turn {
  readonly message: MessageId;
  readonly attempt: number;
}

export function recordTurnStarted(p: TownPorts, agent: AgentId, { message, attempt }: Turn, nowMs: number): void {
  if (!p.messages.working(message, attempt, nowMs)) return;
  p.events.append('reeve.turn.started', agent, { message, attempt }, nowMs);
}

/** The same where the end of the turn is at hand: told now, and written with its end. Returns whether it was news. */
export function tellTurnStarted(p: TownPorts, agent: AgentId, { message, attempt }: Turn, nowMs: number): boolean {
  if (!p.messages.isWaiting(message, attempt)) return false;
  p.events.append('reeve.turn.started', agent, { message, attempt }, nowMs);
  return true;
}

/** What an agent shows of a turn under way: a tool that it uses, or its plan. Only of the current attempt. */
export function recordTurnStep(p: TownPorts, agent: AgentId, step: TurnStep, nowMs: number): void {
  const turn = p.messages.turnOf(step.message);
  if (turn?.agent !== agent || turn.attempt !== step.attempt) return;
  const { type, at: _, ...data } = step;
  p.events.append(`reeve.${type}`, agent, data, nowMs);
}

/** `isTold`: its beginning was, in this transaction. */
export function recordTurnFinished(
  p: TownPorts,
  agent: AgentId,
  { message, attempt, result }: Turn & { readonly result: TurnResult },
  nowMs: number,
  isTold = false,
): void {
  if (!isTold) tellTurnStarted(p, agent, { message, attempt }, nowMs);
  if (!p.messages.finish(message, attempt, result, nowMs, nowMs)) return;
  p.events.append('reeve.turn.finished', agent, { message, attempt, state: result.state }, nowMs);
  closePermissions(p, agent, nowMs, message);
  p.agents.forgetRestarts(agent);
  p.runtimes.recovered(agent);
  recordFinished(p, agent, [message], nowMs);
}
