/** What the town does with each answer of a container: it takes a session into use, or backs off after a failure. */
import type { SessionId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import type { LinkAnswer, Unreachable } from '../../link/container-link.ts';
import type { Agent } from '../../roster/agent.ts';
import { PUSH_RETRY } from '../../tokens/refresh-policy.ts';
import { agentGone } from '../agents/agent-gone.ts';
import type { ContainerRecord } from '../state/container-store.ts';
import { LIFT_AFTER_FAILURE_MS } from './lift-plan.ts';
import type { TownPorts } from '../ports.ts';
import { NOT_REACHED, releaseWaiting } from './release-waiting.ts';

/**
 * Takes a session into use. Agents that were started in another one are gone, whatever the reason: their next incarnations are
 * due at once; retired ones that it never confirmed are gone for sure. The same session again changes nothing.
 */
export function recordSession(p: TownPorts, index: number, session: SessionId): void {
  p.transaction(() => {
    if (p.containers.get(index)?.session === session) {
      recordAnswered(p, index);
      return;
    }
    if (isLost(p, index)) {
      p.events.append('reeve.container.found', `${p.id}:${index}`, {}, p.clock.now());
    }
    p.containers.opened(index, session, p.clock.now());
    for (const { id, inc } of p.agents.leftIn(index)) {
      p.agents.ended(id);
      p.events.append('reeve.agent.teardown_confirmed', id, { incarnation: inc }, p.clock.now());
    }
    for (const agent of p.agents.inContainer(index)) {
      if (agent.session !== null && agent.session !== session) {
        agentGone(p, agent, { why: 'session_changed', containerRuns: true });
      }
      if (agent.state === 'starting' && isNotAsked(p, agent)) {
        p.agents.planStart(agent.id, p.clock.now(), agent.startTries);
      }
    }
  });
}

/**
 * Its start waits only for the container, which answers now: it need not wait any longer. A start that was sent, and failed,
 * keeps its wait: it may be what took the container down, and would do so again at once, with all that runs there (K-13).
 */
function isNotAsked(p: TownPorts, agent: Agent): boolean {
  return agent.startTries > 0 && p.tokens.get(agent.id).lastOutcome === NOT_REACHED;
}

/** A session that holds. One that was abandoned is given up first, so that what ran in it ends before anything new begins (K-12). */
export async function openContainer(p: TownPorts, index: number, wake: boolean): Promise<LinkAnswer<SessionId>> {
  if (!isLost(p, index)) return p.link(index).open(wake);
  const renewed = await p.link(index).renew();
  return renewed.kind === 'asleep' ? p.link(index).open(wake) : renewed;
}

/** It answered: nothing is held against it, and what waits for it is due. */
function recordAnswered(p: TownPorts, index: number): void {
  p.transaction(() => {
    const was = p.containers.get(index);
    p.containers.answered(index);
    if (was !== null && isMissed(was)) releaseWaiting(p, was);
  });
}

/**
 * It called by itself: an agent that runs there, or its control server with the session's secret. It is there; the way to it
 * may still be blocked, so its failures stay counted, and the next one backs off for longer.
 */
export function recordAlive(p: TownPorts, index: number): void {
  p.transaction(() => {
    const was = p.containers.get(index);
    if (was === null || !isMissed(was)) return;
    p.containers.alive(index);
    releaseWaiting(p, was);
  });
}

/** It was asked and did not answer, and there has been no sign of life since. */
function isMissed({ missed, unheardSinceMs, lostAtMs }: ContainerRecord): boolean {
  return lostAtMs === null && (missed || unheardSinceMs !== null);
}

/** Draws the consequences for the container of any answer: after a timeout its next request waits (T7). */
export function recordAnswer(p: TownPorts, index: number, answer: LinkAnswer<unknown>): void {
  switch (answer.kind) {
    case 'answered':
      recordAnswered(p, index);
      if ((p.containers.get(index)?.refusedSinceMs ?? null) !== null) p.containers.accepted(index);
      return;
    case 'session_changed':
      recordSession(p, index, answer.session);
      return;
    case 'asleep':
      p.containers.asleep(index, p.clock.now());
      return;
    case 'unreachable': {
      if (answer.reason === 'unauthorized') p.containers.refused(index, p.clock.now());
      if (answer.reason !== 'timeout' && answer.reason !== 'busy') return;
      const failures = (p.containers.get(index)?.failures ?? 0) + 1;
      const wait = backoffMs(PUSH_RETRY, failures, p.random(), answer.retryAfterMs);
      const now = p.clock.now();
      // One that is busy has said so: it is alive, and asks for the wait.
      p.containers.backOff(index, now + wait, answer.reason === 'busy' ? now + wait : now + LIFT_AFTER_FAILURE_MS);
      return;
    }
  }
}

/**
 * Failures in a row, with this one. One that drains has said why it takes nothing, and is soon gone: the wait for what comes after it
 * does not grow.
 */
export function failuresWith(failures: number, failure: Unreachable | undefined): number {
  return failure?.reason === 'draining' ? Math.max(failures, 1) : failures + 1;
}

/** How long (ms) after it was not reached a container is asked whether it is there at all. */
const PROBE_AFTER_MS = 15_000;

/**
 * Work waits for this container, and it was not reached, or drains: it is asked from now on until it answers or is abandoned, or
 * until it is gone. Agents at work there are monitored anyway; this is for those that wait to start, or for their messages.
 */
export function doubtContainer(p: TownPorts, index: number, { reason }: Unreachable): void {
  const container = p.containers.get(index);
  if (container === null || container.lostAtMs !== null) return;
  const now = p.clock.now();
  if (reason !== 'draining') p.containers.unanswered(index, now);
  probeSoon(p, index, now + PROBE_AFTER_MS);
}

/** Plans a probe, unless one comes sooner. */
export function probeSoon(p: TownPorts, index: number, atMs: number): void {
  const container = p.containers.get(index);
  if (container === null || (container.probeAtMs !== null && container.probeAtMs <= atMs)) return;
  p.containers.planProbe(index, atMs, container.probeTries);
}

function isLost(p: TownPorts, index: number): boolean {
  return (p.containers.get(index)?.lostAtMs ?? null) !== null;
}

/** Until when nothing is sent there unasked, or null: it is not in backoff. */
export function backoffUntil(p: TownPorts, index: number): number | null {
  const until = p.containers.get(index)?.backoffUntilMs ?? 0;
  return until > p.clock.now() ? until : null;
}
