/** What an agent says, as itself: heartbeats and what happened in its turns. The call is authorised before. */
import type { EventBatch, EventBatchAnswer, Heartbeat, HeartbeatAnswer, TurnEvent } from '#protocol';
import type { Delta } from '../../events/frame.ts';
import type { Agent } from '../../roster/agent.ts';
import { UNACKED_GRACE_MS } from '../../tokens/refresh-policy.ts';
import { recordActivity } from '../containers/activity.ts';
import { feedReaders } from '../stream/feed-readers.ts';
import { liveDelta } from '../stream/live-delta.ts';
import { recordTurnFinished, recordTurnStarted } from '../agents/record-turn.ts';
import type { TownPorts } from '../ports.ts';
import { recordHeard } from '../containers/check-liveness.ts';

/** Notes the heartbeat, and tells the agent when a newer token of its own is out that nobody confirmed. */
export function handleHeartbeat(p: TownPorts, agent: Agent, beat: Heartbeat | null): HeartbeatAnswer {
  const now = p.clock.now();
  const progressAt = beat?.last_progress_at ?? null;
  p.transaction(() => recordHeard(p, agent, progressAt === null ? null : Date.parse(progressAt)));
  const { minted, mintedAtMs, acked } = p.tokens.get(agent.id);
  return { minted, lagging: minted > acked && now - mintedAtMs >= UNACKED_GRACE_MS };
}

/**
 * Takes a batch of events, all or nothing. The counter grows by one per batch of an incarnation, so a batch whose answer was
 * lost is recognised when it comes again.
 */
export function handleEvents(p: TownPorts, caller: Agent, batch: EventBatch): EventBatchAnswer {
  const deltas: Delta[] = [];
  const answer = p.transaction(() => {
    const agent = p.agents.get(caller.id);
    if (agent === null || agent.inc !== caller.inc || batch.counter <= agent.reported) {
      return { counter: batch.counter, repeated: true };
    }
    const now = p.clock.now();
    batch.events.forEach((event, at) => {
      apply(p, agent, event, now);
      const delta = liveDelta(p, agent, event, `${agent.id}-${agent.inc}-${batch.counter}-${at}`);
      if (delta !== null) deltas.push(delta);
    });
    p.agents.reported(agent.id, batch.counter);
    // What it tells of its turns is output, whatever its clock says: a batch counts once.
    recordHeard(p, agent, Math.min(now, Math.max(...batch.events.map(({ at }) => Date.parse(at)))));
    recordActivity(p, agent.id);
    return { counter: batch.counter, repeated: false };
  });
  feedReaders(p, deltas);
  return answer;
}

/** Only a message of this agent, in its current attempt, moves; anything else is old news and changes nothing. */
function apply(p: TownPorts, agent: Agent, event: TurnEvent, nowMs: number): void {
  if (event.type === 'turn.delta') return; // For live readers only: it is never stored, and its text comes again in the reply.
  if (p.messages.get(event.message)?.agent !== agent.id) return;
  switch (event.type) {
    case 'turn.started':
      recordTurnStarted(p, agent.id, event, nowMs);
      return;
    case 'turn.finished':
      recordTurnFinished(p, agent.id, event, nowMs);
      return;
  }
}
