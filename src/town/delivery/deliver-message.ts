/** Hands messages over: always with a fresh token in the same request, applied before them (T8), and in order. */
import type { AgentId, HeldMessage, MessageId, MessagesAccepted } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import type { Unreachable } from '../../link/container-link.ts';
import type { Message } from '../../outbox/message.ts';
import type { Agent } from '../../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { recordActivity } from '../containers/activity.ts';
import { beginIncarnation } from '../agents/agent-gone.ts';
import { backoffUntil, doubtContainer, failuresWith, recordAnswer } from '../containers/containers.ts';
import { inSlot } from '../containers/in-slot.ts';
import { issueToken, type IssueAnswer } from '../credentials/issue-token.ts';
import { recordFinished } from '../agents/record-finished.ts';
import { recordTurnFinished, recordTurnStarted } from '../agents/record-turn.ts';
import type { TownPorts } from '../ports.ts';
import { isServed } from '../agents/queue-plan.ts';

/** A queue whose delivery failed is tried again, the same attempts, within 15 s, doubling to 5 min while failures go on. */
const DELIVERY_RETRY = { firstMs: 15_000, maxMs: 300_000 } as const;

/** One delivery, if the agent can take one. Returns whether the next step may follow at once. Called by `serveAgent` only. */
export async function deliverOnce(p: TownPorts, id: AgentId): Promise<boolean> {
  const agent = ready(p, id);
  if (agent === null) return false;
  return inSlot(p, {
    pool: 'delivery',
    container: agent.container,
    mayAskInBackoff: false,
    work: () => attempt(p, id),
    inBackoff: () => {
      ready(p, id);
      return false;
    },
  });
}

/** The agent, if it can take messages now; otherwise its queue waits for what will release it. */
function ready(p: TownPorts, id: AgentId): Agent | null {
  return p.transaction(() => {
    const agent = p.agents.get(id);
    if (agent === null || !p.messages.hasQueued(id)) return null;
    if (!isServed(p, agent)) {
      p.messages.planQueue(id, null);
      return null;
    }
    const now = p.clock.now();
    const waitsUntilMs = Math.max(backoffUntil(p, agent.container) ?? 0, retryOf(p, id));
    const waits = waitsUntilMs > now;
    p.messages.planQueue(id, waits ? waitsUntilMs : now + SAFETY_RETRY_MS);
    return waits ? null : agent;
  });
}

/**
 * When the queue may be tried again (ms). One failure may pass at once, so the next message tries again; from the second on all
 * wait together, however many more come in.
 */
function retryOf(p: TownPorts, id: AgentId): number {
  const { tries, retryAtMs } = p.queues.retryOf(id);
  return tries > 1 ? (retryAtMs ?? 0) : 0;
}

/** One request; or, where the agent runs nowhere, its next incarnation begins, and delivers when it is up. */
async function attempt(p: TownPorts, id: AgentId): Promise<boolean> {
  const agent = p.agents.get(id);
  // Stopped or refused while it waited for its slot: nothing wakes for it.
  if (agent === null || !isServed(p, agent)) return false;
  if (agent.session === null) {
    p.transaction(() => beginIncarnation(p, agent));
    return true;
  }
  const session = agent.session;
  const batch = p.messages.nextBatch(id, p.queues.retryOf(id).atMost);
  if (batch.length === 0) return false;
  const answer = await issueToken<MessagesAccepted>(p, {
    agents: [agent],
    reason: 'delivery',
    also: (_, __, now) => {
      p.messages.planQueue(id, now + SAFETY_RETRY_MS);
      p.messages.sending(ids(batch));
    },
    send: async ([token]) => {
      if (token === undefined) throw new Error('issueToken sends what it allocated');
      const body = { inc: agent.inc, grant: token, messages: batch.map(toWire) };
      return p.link(agent.container).call('deliver', session, { agent: id, body });
    },
    swaps: (value) => [value.swap],
  });
  if (answer.kind !== 'refused' && answer.kind !== 'mint_failed') recordAnswer(p, agent.container, answer);
  return p.transaction(() => settle(p, agent, batch, answer));
}

function settle(p: TownPorts, agent: Agent, batch: readonly Message[], answer: IssueAnswer<MessagesAccepted>): boolean {
  if (answer.kind === 'refused') return false;
  const now = p.clock.now();
  const current = p.agents.get(agent.id);
  if (current?.inc !== agent.inc || current.session !== agent.session) {
    // The fence: what an incarnation took that is gone went with it. Only what it finished counts, and that only in order: behind a
    // message that runs again it stays queued, and runs again as well.
    if (answer.kind === 'answered') for (const held of answer.value.messages) takeResult(p, agent.id, held, now);
    return startsAtOnce(answer);
  }
  if (answer.kind === 'answered' && answer.value.messages.length > 0) {
    for (const held of answer.value.messages) take(p, agent.id, held, now);
    p.events.append('reeve.message.delivered', agent.id, { messages: ids(batch) }, now);
    recordActivity(p, agent.id);
    if (answer.value.messages.length === batch.length) {
      p.queues.passed(agent.id);
      return true;
    }
    // Whatever the answer left out stays queued.
    if (isServed(p, current)) retryLater(p, agent.id);
    return false;
  }
  if (answer.kind === 'unreachable') doubtContainer(p, agent.container, answer);
  // Still this incarnation's queue: if it was found gone, its next start has taken the plan over.
  if (!isServed(p, current)) return startsAtOnce(answer);
  if (answer.kind !== 'unreachable') retryLater(p, agent.id);
  else if (answer.rejected === undefined) retryLater(p, agent.id, answer);
  else return passOnRejected(p, agent.id, batch, answer.rejected, now);
  return startsAtOnce(answer);
}

/** The whole queue waits, also what did not fit into this request. Never at once. */
function retryLater(p: TownPorts, agent: AgentId, failure?: Unreachable): void {
  const tries = failuresWith(p.queues.retryOf(agent).tries, failure);
  const atMs = p.clock.now() + backoffMs(DELIVERY_RETRY, tries, p.random(), failure?.retryAfterMs ?? 0);
  p.queues.failed(agent, tries, atMs);
  p.messages.planQueue(agent, atMs);
}

/** A message that is refused so often, although it travels alone, is given up. */
const MAX_REJECTIONS = 8;

/**
 * Something refused the request for what is in it, or for its size: half as many messages follow at once, until one travels alone.
 * That one is tried again a bounded number of times, and then it fails, so that it does not delay all behind it for ever.
 */
function passOnRejected(
  p: TownPorts,
  agent: AgentId,
  batch: readonly Message[],
  status: number,
  nowMs: number,
): boolean {
  const [first] = batch;
  if (first === undefined) return false;
  if (batch.length > 1) {
    p.queues.limit(agent, Math.floor(batch.length / 2));
    return true;
  }
  p.queues.limit(agent, 1);
  const rejections = p.queues.rejected(agent, first.id);
  retryLater(p, agent);
  if (rejections < MAX_REJECTIONS) return false;
  // It is sent again only to fetch its result: it was worked on.
  const what = first.deliveredAtMs === null ? 'delivery' : 'result';
  const error = `${what}_refused: ${status}`;
  if (!p.messages.finish(first.id, first.attempt, { state: 'failed', error }, nowMs, null)) return false;
  p.events.append('reeve.message.dead_lettered', agent, { messages: [first.id], error }, nowMs);
  recordFinished(p, agent, [first.id], nowMs);
  // The next one goes out at once; where it is refused as well, the wait is the one that has grown so far.
  p.queues.failed(agent, p.queues.retryOf(agent).tries, null);
  p.messages.planQueue(agent, nowMs + SAFETY_RETRY_MS);
  return true;
}

/**
 * Asleep, or another session: its next start follows at once. Anything else comes back through the alarm, so that a control
 * server which contradicts itself is not asked in a loop.
 */
function startsAtOnce({ kind }: IssueAnswer<MessagesAccepted>): boolean {
  return kind === 'asleep' || kind === 'session_changed';
}

/**
 * What the control server says that it holds. Each step counts only for the current attempt, so an answer that comes late
 * changes nothing.
 */
function take(p: TownPorts, agent: AgentId, held: HeldMessage, nowMs: number): void {
  switch (held.state) {
    case 'delivered':
      p.messages.delivered(held.message, held.attempt, nowMs);
      return;
    case 'working':
      recordTurnStarted(p, agent, held, nowMs);
      return;
    case 'done':
    case 'failed':
      // The turn is over, but its report is still under way: until then it counts as delivered.
      if (!takeResult(p, agent, held, nowMs)) p.messages.delivered(held.message, held.attempt, nowMs);
      return;
  }
}

/**
 * Ends the turn of which the answer has the result. Returns whether it did: messages end in order, so a result waits behind an earlier
 * message that is not over, be that in the control server or queued again. Reports come in order by themselves.
 */
function takeResult(p: TownPorts, agent: AgentId, { result, ...turn }: HeldMessage, nowMs: number): boolean {
  if (result === undefined || p.messages.firstOpen(agent) !== turn.message) return false;
  recordTurnFinished(p, agent, { ...turn, result }, nowMs);
  return true;
}

const ids = (batch: readonly Message[]): MessageId[] => batch.map((message) => message.id);

const toWire = ({ id, attempt, seq, content, sender, traceparent }: Message) => {
  return { message: id, attempt, seq, content, sender, traceparent };
};
