/** What an agent says, as itself: heartbeats and what happened in its turns. Inside the transaction that authorised the call. */
import type { EventBatch, EventBatchAnswer, Heartbeat, HeartbeatAnswer, MessageId, TurnEvent } from '#protocol';
import type { Delta } from '../../events/frame.ts';
import type { Agent } from '../../roster/agent.ts';
import { UNACKED_GRACE_MS } from '../../tokens/refresh-policy.ts';
import { recordActivity } from '../containers/activity.ts';
import { liveDelta } from '../stream/live-delta.ts';
import { shownBy, type Shown } from '../stream/shown-pieces.ts';
import { recordExit } from '../agents/process-failed.ts';
import { recordRequested, recordResolved } from '../agents/record-permission.ts';
import {
  recordTurnFinished,
  recordTurnStarted,
  recordTurnStep,
  announceTurnStarted,
  type Turn,
} from '../agents/record-turn.ts';
import type { TownPorts } from '../ports.ts';
import { recordHeard } from '../containers/check-liveness.ts';

/** Records the heartbeat, and tells the agent when a newer token of its own was minted and not confirmed. */
export function handleHeartbeat(p: TownPorts, agent: Agent, beat: Heartbeat | null): HeartbeatAnswer {
  const now = p.clock.now();
  const progressAt = beat?.last_progress_at ?? null;
  recordHeard(p, agent, progressAt === null ? null : Date.parse(progressAt));
  p.agents.writeHeard(agent.id);
  const { minted, mintedAtMs, acked } = p.tokens.get(agent.id);
  return { minted, lagging: minted > acked && now - mintedAtMs >= UNACKED_GRACE_MS };
}

/** The answer to a batch, and what in it is for readers, once it is committed. None of that is stored. */
export interface TakenBatch {
  readonly answer: EventBatchAnswer;
  /** For live readers of the town. */
  readonly deltas: readonly Delta[];
  /** For those that follow one of its turns. */
  readonly shown: readonly Shown[];
}

/**
 * Takes a batch of events, all or nothing. The counter grows by one per batch of an incarnation, so a batch whose answer was
 * lost is recognised when it comes again.
 */
export function handleEvents(p: TownPorts, agent: Agent, batch: EventBatch): TakenBatch {
  const { counter, events } = batch;
  if (counter <= agent.reported) return { answer: { counter, repeated: true }, deltas: [], shown: [] };
  const now = p.clock.now();
  const deltas: Delta[] = [];
  const shown: Shown[] = [];
  const whole: WholeTurns = new Map(
    events.flatMap((event) => (event.type === 'turn.finished' ? [[turnKey(event), 'unannounced']] : [])),
  );
  events.forEach((event, at) => {
    apply(p, agent, event, now, whole);
    const delta = liveDelta(p, agent, event, `${agent.id}-${agent.inc}-${counter}-${at}`);
    if (delta !== null) deltas.push(delta);
    const piece = shownBy(p, agent, event, delta);
    if (piece !== null) shown.push(piece);
  });
  // What it tells of its turns is output, whatever its clock says: a batch counts once.
  recordHeard(p, agent, Math.min(now, Math.max(...events.map(({ at }) => Date.parse(at)))));
  if (!recordActivity(p, agent.id, counter)) p.agents.reported(agent.id, counter);
  const exited = events.findLast((event) => event.type === 'process.exited');
  if (exited !== undefined) recordExit(p, agent, exited);
  return { answer: { counter, repeated: false }, deltas, shown };
}

/** Turns whose end is in the batch: the event of their start is written where it comes, the row with the end. */
type WholeTurns = Map<string, 'unannounced' | 'announced'>;
const turnKey = ({ message, attempt }: Turn): string => `${message} ${attempt}`;

/** Of a message that is over nothing counts any more. */
const isOf = (p: TownPorts, agent: Agent, message: MessageId): boolean =>
  p.messages.turnOf(message)?.agent === agent.id;

/** Only a message of this agent, in its current attempt, moves; anything else is out of date and changes nothing. */
function apply(p: TownPorts, agent: Agent, event: TurnEvent, nowMs: number, whole: WholeTurns): void {
  switch (event.type) {
    case 'turn.started':
      if (isOf(p, agent, event.message)) begin(p, agent, event, nowMs, whole);
      return;
    case 'turn.finished':
      if (isOf(p, agent, event.message))
        recordTurnFinished(p, agent.id, event, nowMs, whole.get(turnKey(event)) === 'announced');
      return;
    case 'turn.tool_call':
    case 'turn.plan':
      recordTurnStep(p, agent.id, event, nowMs);
      return;
    case 'permission.requested':
      recordRequested(p, agent, event, nowMs);
      return;
    case 'permission.resolved':
      recordResolved(p, agent, event, nowMs);
      return;
    // For live readers only: its text comes again in the reply.
    case 'turn.delta':
    // Nothing of this incarnation counts after it: handled once the batch is.
    case 'process.exited':
      return;
  }
}

function begin(p: TownPorts, agent: Agent, turn: Turn, nowMs: number, whole: WholeTurns): void {
  const known = whole.get(turnKey(turn));
  if (known === undefined) recordTurnStarted(p, agent.id, turn, nowMs);
  else if (known === 'unannounced' && announceTurnStarted(p, agent.id, turn, nowMs))
    whole.set(turnKey(turn), 'announced');
}
