/**
 * Starts an incarnation: the token travels inside the start request, so it is in the container before the agent runs (F10,
 * M-09).
 */
import {
  MAX_EARLIER_TURNS,
  MAX_EARLIER_UNITS,
  type AgentId,
  type AgentStarted,
  type SessionId,
  type SwapResult,
} from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import type { Agent } from '../../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { beginIncarnation, failAgent, restartAgent } from '../agents/agent-gone.ts';
import {
  backoffUntil,
  doubtContainer,
  failuresWith,
  openContainer,
  recordAnswer,
  recordSession,
} from '../containers/containers.ts';
import { inSlot } from '../containers/in-slot.ts';
import { issueRefusal } from '../agents/issue-refusal.ts';
import { issueToken, type IssueAnswer } from '../credentials/issue-token.ts';
import type { TownPorts } from '../ports.ts';
import { planQueue } from '../agents/queue-plan.ts';
import { launchOf } from '../agents/launch.ts';
import { recordStartFailure } from '../agents/process-failed.ts';
import { NOT_REACHED } from '../containers/release-waiting.ts';
import { restartWaitMs } from '../agents/restart-plan.ts';

/** A start that failed is tried again within 15 s, doubling to 5 min. */
const START_RETRY = { firstMs: 15_000, maxMs: 300_000 } as const;

/**
 * A person's start. Clears a revocation and the count of restarts, and begins the next incarnation unless one that may go on is
 * there already, so a repeat changes nothing; one that waits for its next try is tried now. The caller runs `serveAgent`.
 */
export function requestStart(p: TownPorts, id: AgentId): void {
  p.transaction(() => {
    const agent = p.agents.get(id);
    if (agent === null) return;
    const barred = issueRefusal(agent, p.tokens.get(id));
    const runs = agent.session !== null || agent.state === 'starting';
    if (barred === 'agent_retired') return;
    if (barred === null && runs) {
      if (agent.state === 'starting') {
        p.agents.forgetRestarts(id);
        p.agents.planStart(id, p.clock.now(), 0);
      }
      return;
    }
    p.tokens.clearRevocation(id);
    p.agents.forgetRestarts(id);
    beginIncarnation(p, agent);
  });
}

/** One try to bring a `starting` agent up, when it is due. Returns whether it runs now. Called by `serveAgent` only. */
export async function startOnce(p: TownPorts, agent: Agent): Promise<boolean> {
  const now = p.clock.now();
  if (agent.startDueAtMs === null || agent.startDueAtMs > now) return false;
  // A first start may ask a container that the town backs off from: a person waits for it. A repeat may not.
  const waitsUntilMs = agent.startTries === 0 ? null : backoffUntil(p, agent.container);
  // The repeat is stored before anything is sent, and also while this one waits for its slot.
  p.agents.planStart(agent.id, waitsUntilMs ?? now + SAFETY_RETRY_MS, agent.startTries);
  if (waitsUntilMs !== null) return false;
  await inSlot(p, {
    pool: 'delivery',
    container: agent.container,
    mayAskInBackoff: agent.startTries === 0,
    work: () => attempt(p, agent.id),
    inBackoff: (untilMs) => {
      p.transaction(() => fenced(p, agent, ({ id, startTries }) => p.agents.planStart(id, untilMs, startTries)));
    },
  });
  return p.agents.get(agent.id)?.state === 'idle';
}

async function attempt(p: TownPorts, id: AgentId): Promise<void> {
  const agent = p.agents.get(id);
  if (agent?.state !== 'starting') return;
  const launch = launchOf(p, id);
  if (!launch.ok) {
    p.transaction(() => fenced(p, agent, (now) => refuseLaunch(p, now, launch.error)));
    return;
  }
  const opened = await openContainer(p, agent.container, mayWake(p, agent));
  if (opened.kind !== 'answered') {
    const reached = opened.kind !== 'unreachable';
    p.tokens.outcome(id, reached ? opened.kind : NOT_REACHED, reached ? null : opened.detail);
    recordAnswer(p, agent.container, opened);
    p.transaction(() =>
      fenced(p, agent, (now) => (opened.kind === 'asleep' ? rest(p, now) : postpone(p, now, opened))),
    );
    return;
  }
  const session = opened.value;
  let sent = 0;
  const earlier = agent.inc === 1 ? [] : p.messages.lastTurns(id, MAX_EARLIER_TURNS, MAX_EARLIER_UNITS);
  // The one that is in use may be known without an answer of the control server: that is no sign of life.
  if (p.containers.get(agent.container)?.session !== session) recordSession(p, agent.container, session);
  const answer = await issueToken<AgentStarted>(p, {
    agents: [agent],
    reason: 'start',
    also: (_, __, now) => p.agents.planStart(id, now + SAFETY_RETRY_MS, agent.startTries),
    send: async ([token]) => {
      if (token === undefined) throw new Error('issueToken sends what it allocated');
      sent = token.gen;
      const { inc, name, role } = agent;
      const body = { inc, name, role, grant: token, runtime: launch.value, earlier };
      return p.link(agent.container).call('start', session, { agent: id, body });
    },
    swaps: (value) => [swapOf(value, sent)],
  });
  settle(p, agent, session, answer);
}

/** A start's answer as the swap that it contains. `stale` says that this incarnation cannot be started here any more. */
function swapOf(value: AgentStarted, sent: number): SwapResult {
  const { agent, inc, gen } = value;
  if (value.outcome === 'retired') return { agent, inc, gen, outcome: 'retired' };
  if (value.outcome === 'stale') return { agent, inc, gen, outcome: 'incarnation_mismatch' };
  if (value.outcome === 'failed') return { agent, inc, gen, outcome: 'unknown_agent' };
  return { agent, inc, gen, outcome: gen === sent ? 'applied' : 'stale' };
}

function settle(p: TownPorts, asked: Agent, session: SessionId, answer: IssueAnswer<AgentStarted>): void {
  if (answer.kind === 'refused') {
    // Retired, revoked, stopped or started anew meanwhile: the request that did that owns what comes next, and has planned it.
    return;
  }
  if (answer.kind !== 'mint_failed') recordAnswer(p, asked.container, answer);
  p.transaction(() => fenced(p, asked, (agent) => conclude(p, agent, session, answer)));
}

/** The fence: an answer for an incarnation that is no longer the one to start lands nowhere. */
function fenced(p: TownPorts, asked: Agent, land: (agent: Agent) => void): void {
  const agent = p.agents.get(asked.id);
  if (agent?.state === 'starting' && agent.inc === asked.inc) land(agent);
}

function conclude(
  p: TownPorts,
  agent: Agent,
  session: SessionId,
  answer: Exclude<IssueAnswer<AgentStarted>, { kind: 'refused' }>,
): void {
  if (answer.kind !== 'answered') {
    // The control server was reached, and could not do it: the command is broken, not the way to it.
    if (answer.kind === 'unreachable' && answer.reason === 'server_error') postponeBroken(p, agent, answer);
    else postpone(p, agent, answer);
    return;
  }
  switch (answer.value.outcome) {
    case 'started':
    case 'current':
      p.agents.move(agent.id, 'idle');
      p.agents.started(agent.id, session, answer.value.process_id);
      planQueue(p, agent.id, p.clock.now() + SAFETY_RETRY_MS);
      p.events.append(
        'reeve.agent.started',
        agent.id,
        { incarnation: agent.inc, process_id: answer.value.process_id },
        p.clock.now(),
      );
      return;
    case 'stale':
      // The control server stopped this incarnation, or runs a higher one: only a higher start reaches it. One that says so
      // of every start is not asked in a loop.
      restartAgent(p, agent);
      return;
    case 'retired':
      failAgent(p, agent, 'retired_in_container');
      return;
    case 'failed':
      if (answer.value.failure !== undefined) recordStartFailure(p, agent, answer.value.failure);
      postponeBroken(p, agent, answer);
      return;
  }
}

/** A secret that its runtime names is gone from the deployment: no try brings it back, so it waits as a failed agent does. */
function refuseLaunch(p: TownPorts, agent: Agent, missing: readonly string[]): void {
  recordStartFailure(p, agent, { reason: 'secret_missing', detail: `no secret ${missing.join(', ')}` });
  failAgent(p, agent, 'secret_missing');
}

/**
 * Whether its container may be started for it: for a message, or because a person asked for this agent. A start that failed is
 * repeated without messages only while the container runs anyway (K-13).
 */
function mayWake(p: TownPorts, agent: Agent): boolean {
  return (agent.startTries === 0 && agent.restarts === 0) || p.messages.hasQueued(agent.id);
}

/** Its container sleeps, and nothing waits for it: its next message starts it. */
function rest(p: TownPorts, agent: Agent): void {
  if (p.messages.hasQueued(agent.id)) {
    p.agents.planStart(agent.id, p.clock.now(), agent.startTries);
    return;
  }
  p.agents.move(agent.id, 'idle');
  p.agents.ended(agent.id);
}

/** A start that the control server could not carry out counts as a restart without a finished turn. */
function postponeBroken(p: TownPorts, agent: Agent, answer: LinkAnswer<unknown>): void {
  const waitMs = restartWaitMs(agent.restarts);
  if (waitMs === null) {
    failAgent(p, agent, 'restarts_exhausted');
    return;
  }
  p.agents.countRestart(agent.id);
  postpone(p, agent, answer, waitMs);
}

/** The next try: after a changed session at once, after a failure with backoff, and not before `leastMs`. */
function postpone(
  p: TownPorts,
  agent: Agent,
  answer: LinkAnswer<unknown> | { kind: 'mint_failed' },
  leastMs = 0,
): void {
  const now = p.clock.now();
  const failure = answer.kind === 'unreachable' ? answer : undefined;
  const tries = failuresWith(agent.startTries, failure);
  const floorMs = Math.max(leastMs, failure?.retryAfterMs ?? 0);
  const wait = answer.kind === 'session_changed' ? 0 : backoffMs(START_RETRY, tries, p.random(), floorMs);
  p.agents.planStart(agent.id, now + wait, tries);
  p.tokens.failing(agent.id, now);
  if (failure !== undefined) doubtContainer(p, agent.container, failure);
}
