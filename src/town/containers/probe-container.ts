/**
 * A container whose answer is needed is asked which agents run in it (`GET /agents`). Its answer tells who is gone and which
 * messages were lost; without an answer for ten minutes it is abandoned. A probe never starts a container (T10).
 */
import { NO_ORDER, type SessionId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import { takesMessages, type Agent } from '../../roster/agent.ts';
import { PUSH_RETRY, SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { abandonContainer, askAgain } from './abandon-container.ts';
import { agentGone } from '../agents/agent-gone.ts';
import { backoffUntil, recordAnswer, recordSession } from './containers.ts';
import { inSlot } from './in-slot.ts';
import { issueRefusal } from '../agents/issue-refusal.ts';
import { GIVEN_UP_AFTER_MS, judge, wasAway } from './liveness-plan.ts';
import type { TownPorts } from '../ports.ts';
import { reconcile, seenIn } from './reconcile-agents.ts';

/** Asks a container that is due. Single flight per container; whatever it comes to, the next probe is planned, or none is needed. */
export function probeContainer(p: TownPorts, index: number): Promise<void> {
  return p.flights.run(`probe:${index}`, async () => {
    if (!prepare(p, index)) return;
    const session = await inSlot<SessionId | null>(p, {
      pool: 'sweep',
      container: index,
      mayAskInBackoff: false,
      work: () => probe(p, index),
      inBackoff: async () => (prepareAgain(p, index) ? probe(p, index) : null),
    });
    if (session !== null) await stopGivenUp(p, index, session);
  });
}

/**
 * Whether it is asked all the same, now that the town backs off from it: its ten minutes are over. Otherwise its probe waits
 * as long.
 */
function prepareAgain(p: TownPorts, index: number): boolean {
  return p.transaction(() => {
    const waitsUntilMs = waitsUntil(p, index);
    if (waitsUntilMs !== null) p.containers.planProbe(index, waitsUntilMs, p.containers.get(index)?.probeTries ?? 0);
    return waitsUntilMs === null;
  });
}

/** Whether it is asked now. Its next probe is stored before anything is sent, and while this one waits for its slot. */
function prepare(p: TownPorts, index: number): boolean {
  return p.transaction(() => {
    const now = p.clock.now();
    const container = p.containers.get(index);
    if (container === null || container.probeAtMs === null || container.probeAtMs > now) return false;
    if (container.lostAtMs === null && !isNeeded(p, index)) {
      p.containers.planProbe(index, null, 0);
      p.containers.alive(index);
      return false;
    }
    // While the town was away no sign of life could arrive: the ten minutes begin anew.
    if (wasAway(container.probeAtMs, now)) p.containers.alive(index);
    const waitsUntilMs = waitsUntil(p, index);
    p.containers.planProbe(index, waitsUntilMs ?? now + SAFETY_RETRY_MS, container.probeTries);
    return waitsUntilMs === null;
  });
}

/** Until when the container is left alone, or null. At the latest until its ten minutes are over: then it is asked for the last time. */
function waitsUntil(p: TownPorts, index: number): number | null {
  const backoffUntilMs = backoffUntil(p, index);
  const unheardSinceMs = p.containers.get(index)?.unheardSinceMs ?? null;
  if (backoffUntilMs === null || unheardSinceMs === null) return backoffUntilMs;
  const overAtMs = unheardSinceMs + GIVEN_UP_AFTER_MS;
  return overAtMs <= p.clock.now() ? null : Math.min(backoffUntilMs, overAtMs);
}

/** Returns the session in which it said who runs there, or null. */
async function probe(p: TownPorts, index: number): Promise<SessionId | null> {
  const container = p.containers.get(index);
  if (container === null) return null;
  const { session } = container;
  if (container.lostAtMs !== null) await askAgain(p, index);
  else if (session === null) await firstContact(p, index);
  if (container.lostAtMs !== null || session === null) return null;
  const seen = seenIn(p, index, session);
  const answer = await p.link(index).call('list', session, NO_ORDER);
  recordAnswer(p, index, answer);
  switch (answer.kind) {
    case 'answered':
      // Who is missing is gone, and so are the messages that are missing.
      p.transaction(() => {
        reconcile(p, index, session, seen, answer.value);
        p.containers.planProbe(index, nextProbe(p, index), 0);
      });
      return session;
    case 'session_changed':
      break; // Who ran in the old one is gone; `recordAnswer` has drawn that.
    case 'asleep':
      p.transaction(() => asleep(p, index));
      break;
    case 'unreachable':
      await unanswered(p, index, answer.retryAfterMs);
      break;
  }
  return null;
}

/** Nothing was ever started there: a session is all that can be asked for. */
async function firstContact(p: TownPorts, index: number): Promise<void> {
  const answer = await p.link(index).check();
  if (answer.kind === 'answered') return recordSession(p, index, answer.value);
  recordAnswer(p, index, answer);
  if (answer.kind === 'unreachable') await unanswered(p, index, answer.retryAfterMs);
}

/**
 * Who is there and silent for too long is stopped. Each in a turn of its own: one that hangs costs the other containers one timeout,
 * and not one for each that is stopped here (T7).
 */
async function stopGivenUp(p: TownPorts, index: number, session: SessionId): Promise<void> {
  for (const { id } of p.agents.inContainer(index)) {
    if (!isGivenUp(p, p.agents.get(id))) continue;
    await p.slots.run('sweep', index, async () => {
      const agent = p.agents.get(id);
      if (agent?.session === session && isGivenUp(p, agent)) await stopSilent(p, session, agent);
    });
  }
}

function isGivenUp(p: TownPorts, agent: Agent | null): boolean {
  return agent !== null && isMissed(p, agent) && judge(agent, p.settings.heartbeatMs, p.clock.now()).isGivenUp;
}

/** It is silent, and signs of life are expected of it: one that was revoked meanwhile may finish its turn. */
function isMissed(p: TownPorts, agent: Agent): boolean {
  return agent.stalledWhy === 'silent' && issueRefusal(agent, p.tokens.get(agent.id)) === null;
}

/** Alone, and only once the control server has confirmed that it runs no more (K-12): the others in this container go on. */
async function stopSilent(p: TownPorts, session: SessionId, agent: Agent): Promise<void> {
  const answer = await p.link(agent.container).call('stop', session, { agent: agent.id, body: { inc: agent.inc } });
  switch (answer.kind) {
    case 'answered':
      p.transaction(() => agentGone(p, agent, { why: 'stopped_silent', containerRuns: true }));
      return;
    case 'session_changed':
      recordAnswer(p, agent.container, answer);
      return;
    case 'asleep':
    case 'unreachable':
      // The next probe sees what became of it. No backoff of the container for this: no other agent in it waits for the stop.
      return;
  }
}

/** It does not run, so no agent in it does. An agent with work wakes it again, at the pace of its own restarts. */
function asleep(p: TownPorts, index: number): void {
  p.containers.planProbe(index, null, 0);
  p.containers.alive(index);
  for (const agent of p.agents.inContainer(index)) agentGone(p, agent, { why: 'asleep', containerRuns: false });
}

async function unanswered(p: TownPorts, index: number, retryAfterMs: number): Promise<void> {
  const isOver = p.transaction(() => {
    const now = p.clock.now();
    p.containers.unanswered(index, now);
    const container = p.containers.get(index);
    const overAtMs = (container?.unheardSinceMs ?? now) + GIVEN_UP_AFTER_MS;
    const tries = (container?.probeTries ?? 0) + 1;
    const nextMs = now + backoffMs(PUSH_RETRY, tries, p.random(), retryAfterMs);
    p.containers.planProbe(index, overAtMs > now ? Math.min(nextMs, overAtMs) : nextMs, tries);
    return overAtMs <= now;
  });
  if (isOver) await abandonContainer(p, index);
}

/**
 * Whether its answer is needed, by an agent whose stop or teardown is not confirmed, a new session that it owes, or an agent
 * that is silent, that cannot be started, or that has messages waiting or to be withdrawn.
 */
function isNeeded(p: TownPorts, index: number): boolean {
  if (p.agents.endingIn(index).length > 0 || (p.containers.get(index)?.renewDueAtMs ?? null) !== null) return true;
  return p.agents.inContainer(index).some((agent) => {
    if (issueRefusal(agent, p.tokens.get(agent.id)) !== null) return false;
    if (agent.state === 'starting') return agent.startTries > 0;
    if (agent.stalledWhy === 'silent') return true;
    return takesMessages(agent.state) && (p.messages.hasQueued(agent.id) || p.withdrawals.first(agent.id) !== null);
  });
}

/** It answered: it is asked again while an agent in it is silent, at the latest when that one is given up. */
function nextProbe(p: TownPorts, index: number): number | null {
  const now = p.clock.now();
  const checks = p.agents
    .inContainer(index)
    .filter((agent) => isMissed(p, agent))
    .map((agent) => judge(agent, p.settings.heartbeatMs, now).livenessCheckAtMs);
  return checks.length === 0 ? null : Math.max(Math.min(...checks), now + PUSH_RETRY.firstMs);
}
