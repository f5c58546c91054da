/**
 * Agents at work are monitored: each has a time by which it gives a sign of life (T5). One that does not, or that shows no
 * output, is stalled, which is no end: it is well again as soon as there is a good sign. Silence makes the town ask the
 * container. Synchronous; the functions that move an agent run inside a transaction of the caller.
 */
import type { AgentId, StallReason } from '#protocol';
import { needsSweep, type Agent } from '../../roster/agent.ts';
import { probeSoon } from './containers.ts';
import { eachIsolated } from '../agents/due-work.ts';
import { issueRefusal } from '../agents/issue-refusal.ts';
import { judge, mayBeHeardAt, stillStalled, wasAway } from './liveness-plan.ts';
import type { TownPorts } from '../ports.ts';

/**
 * How far (ms) the clock of a container may be ahead of the town's. A `last_progress_at` beyond that is ignored: repeated with each
 * heartbeat, a time in the future would hide forever that the agent produces no output.
 */
const AHEAD_MS = 30_000;

/**
 * The agent goes to work: from now on signs of life are expected of it. Not of a revoked one: nothing that it says is accepted.
 * `reported`: the counter of the batch of events that reported it.
 */
export function beginWork(p: TownPorts, agent: Agent, reported: number): void {
  const now = p.clock.now();
  const isMonitored = issueRefusal(agent, p.tokens.get(agent.id)) === null;
  const { livenessCheckAtMs } = judge({ ...agent, watchedFromMs: now }, p.settings.heartbeatMs, now);
  const monitored = isMonitored ? { watchedFromMs: now, livenessCheckAtMs } : {};
  p.agents.move(agent.id, 'working', { reported, ...monitored });
}

/**
 * The agent spoke, in a call that was authorised. `progressAtMs`: when it says that it last showed output; null: it does not say. The
 * caller writes it: with what else the call changes, or by `writeHeard`.
 */
export function recordHeard(p: TownPorts, agent: Agent, progressAtMs: number | null): void {
  const now = p.clock.now();
  const isKnown = progressAtMs !== null && progressAtMs <= now + AHEAD_MS;
  p.agents.recordHeard(agent, now, isKnown ? Math.min(progressAtMs, now) : null);
  checkOne(p, agent.id);
}

/** Checks every agent whose time has come. */
export function checkLiveness(p: TownPorts, limit: number): void {
  const now = p.clock.now();
  const due = new Map(
    p.agents.due('livenessCheck', now, limit).map(({ id, livenessCheckAtMs }) => [id, livenessCheckAtMs]),
  );
  const check = (id: AgentId): void => {
    const livenessCheckAtMs = due.get(id) ?? null;
    // While the town was away no sign of life could arrive: its time begins anew.
    checkOne(p, id, livenessCheckAtMs !== null && wasAway(livenessCheckAtMs, now) ? now : null);
  };
  eachIsolated(p, 'look', [...due.keys()], check, (id, atMs) => p.agents.postpone(id, now, atMs));
}

/** Judges an agent by its signs, publishes a change, and plans the next check. `anewMs`: signs are expected from then on. */
function checkOne(p: TownPorts, id: AgentId, anewMs: number | null = null): void {
  const agent = p.agents.get(id);
  if (agent === null) return;
  if (!needsSweep(agent.state) || issueRefusal(agent, p.tokens.get(id)) !== null) {
    if (agent.livenessCheckAtMs !== null) p.agents.planLivenessCheck(id, null);
    return;
  }
  const now = p.clock.now();
  // At work since before the town monitored its agents: its time begins now.
  const begun = anewMs ?? (agent.watchedFromMs === 0 ? now : null);
  const signs = { ...agent, watchedFromMs: begun ?? expectedSince(p, agent) };
  const judgement = judge(signs, p.settings.heartbeatMs, now);
  const stalled = stillStalled(signs, agent.stalledWhy, judgement.stalled);
  if (stalled !== agent.stalledWhy) publish(p, agent, stalled);
  // One that did not answer is asked at its own pace, however many agents in it are checked meanwhile.
  const isAsked = (p.containers.get(agent.container)?.probeTries ?? 0) > 0;
  if (stalled === 'silent' && !isAsked) probeSoon(p, agent.container, now);
  // When one that is silent is given up follows from its row: from then on that has to say since when signs of life were
  // expected.
  if (begun !== null || (stalled === 'silent' && signs.watchedFromMs > agent.watchedFromMs))
    p.agents.monitor(id, signs.watchedFromMs, judgement.livenessCheckAtMs);
  else if (!isCheckedBefore(agent, judgement.livenessCheckAtMs, now))
    p.agents.planLivenessCheck(id, judgement.livenessCheckAtMs);
}

/**
 * Since when signs of life are expected. One of which this object has none may have given one to the object before it, after
 * its row was written: its time begins with the last moment at which that may have been.
 */
function expectedSince(p: TownPorts, agent: Agent): number {
  if (p.agents.isHeardHere(agent.id)) return agent.watchedFromMs;
  return Math.max(agent.watchedFromMs, mayBeHeardAt(agent.lastHeardAtMs, p.upAtMs));
}

/** A check that comes sooner plans the next one itself: to put it off with each heartbeat would cost a write each time. */
function isCheckedBefore({ livenessCheckAtMs: planned }: Agent, atMs: number, nowMs: number): boolean {
  return planned !== null && planned > nowMs && planned <= atMs;
}

function publish(p: TownPorts, agent: Agent, stalled: StallReason | null): void {
  const now = p.clock.now();
  const { id, inc: incarnation } = agent;
  if (stalled === null) {
    p.agents.move(id, 'working');
    p.events.append('reeve.agent.recovered', id, { incarnation, was: agent.stalledWhy }, now);
  } else {
    p.agents.move(id, 'stalled', { stalledWhy: stalled, stalledAtMs: now });
    p.events.append('reeve.agent.stalled', id, { incarnation, why: stalled }, now);
  }
}
