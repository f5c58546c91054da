/** Hands messages over: always with a fresh token in the same request, applied before them (T8), and in order. */
import type { AgentId, HeldMessage, MessageId, MessagesAccepted } from '#protocol';
import { backoffMs } from '../lib/backoff.ts';
import type { Message } from '../outbox/message.ts';
import type { Agent } from '../roster/agent.ts';
import { SAFETY_RETRY_MS } from '../tokens/refresh-policy.ts';
import { noteActivity } from './activity.ts';
import { beginIncarnation } from './agent-gone.ts';
import { doubtContainer, heldUntil, noteAnswer } from './containers.ts';
import { issueToken, type IssueAnswer } from './issue-token.ts';
import { noteTurnFinished, noteTurnStarted } from './note-turn.ts';
import type { TownPorts } from './ports.ts';
import { isServed } from './queue-plan.ts';

/** A delivery that failed in transport is sent again, the same attempt, after 15 s, doubling to 5 min. */
const DELIVERY_RETRY = { firstMs: 15_000, maxMs: 300_000 } as const;

/** One delivery, if the agent can take one. Answers whether the next step may follow at once. Called by `serveAgent` only. */
export async function deliverOnce(p: TownPorts, id: AgentId): Promise<boolean> {
  const agent = ready(p, id);
  return agent !== null && p.slots.run('delivery', agent.container, () => attempt(p, id));
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
    const held = heldUntil(p, agent.container);
    if (held !== null) {
      p.messages.planQueue(id, held);
      return null;
    }
    p.messages.planQueue(id, p.clock.now() + SAFETY_RETRY_MS);
    return agent;
  });
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
  const batch = p.messages.nextBatch(id);
  const tries = (batch[0]?.tries ?? 0) + 1;
  if (batch.length === 0) return false;
  const answer = await issueToken<MessagesAccepted>(p, {
    agents: [agent],
    reason: 'delivery',
    also: (_, __, now) => p.messages.planDelivery(ids(batch), now + SAFETY_RETRY_MS, tries),
    send: async ([grant]) => {
      if (grant === undefined) throw new Error('issueToken sends what it allocated');
      return p.link(agent.container).deliver(session, id, { inc: agent.inc, grant, messages: batch.map(toWire) });
    },
    swaps: (value) => [value.swap],
  });
  if (answer.kind !== 'refused' && answer.kind !== 'mint_failed') noteAnswer(p, agent.container, answer);
  return p.transaction(() => settle(p, agent, batch, tries, answer));
}

function settle(
  p: TownPorts,
  agent: Agent,
  batch: readonly Message[],
  tries: number,
  answer: IssueAnswer<MessagesAccepted>,
): boolean {
  if (answer.kind === 'refused') return false;
  const now = p.clock.now();
  const current = p.agents.get(agent.id);
  if (current?.inc !== agent.inc || current.session !== agent.session) {
    // The fence: what an incarnation took that is gone went with it. Only what it finished counts.
    if (answer.kind === 'answered') {
      for (const held of answer.value.messages) if (held.result !== undefined) take(p, agent.id, held, now);
    }
    return startsAtOnce(answer);
  }
  if (answer.kind === 'answered' && answer.value.messages.length > 0) {
    for (const held of answer.value.messages) take(p, agent.id, held, now);
    p.events.append('reeve.message.delivered', agent.id, { messages: ids(batch) }, now);
    noteActivity(p, agent.id);
    // Whatever the answer left out stays queued, and its stored repeat is in place.
    return answer.value.messages.length === batch.length;
  }
  // Still this incarnation's queue: if it was found gone, its next start has taken the plan over.
  if (isServed(p, current)) {
    const retryAfterMs = answer.kind === 'unreachable' ? answer.retryAfterMs : 0;
    p.messages.planDelivery(ids(batch), now + backoffMs(DELIVERY_RETRY, tries, p.random(), retryAfterMs), tries);
  }
  if (answer.kind === 'unreachable') doubtContainer(p, agent.container);
  return startsAtOnce(answer);
}

/**
 * Asleep, or another session: its next start follows at once. Anything else comes back through the alarm, so that a box which
 * contradicts itself is not asked in a loop.
 */
function startsAtOnce({ kind }: IssueAnswer<MessagesAccepted>): boolean {
  return kind === 'asleep' || kind === 'session_changed';
}

/** What the box says that it holds. Each step counts only for the current attempt, so an answer that comes late changes nothing. */
function take(p: TownPorts, agent: AgentId, held: HeldMessage, nowMs: number): void {
  switch (held.state) {
    case 'delivered':
      p.messages.delivered(held.message, held.attempt, nowMs);
      return;
    case 'working':
      noteTurnStarted(p, agent, held, nowMs);
      return;
    case 'done':
    case 'failed':
      // The turn is over, but its report is still under way: until then it counts as delivered. The reports come in order, so
      // a result that is here already waits for it where an earlier turn's has not come either.
      if (held.result === undefined || isBehind(p, agent, held.message)) {
        p.messages.delivered(held.message, held.attempt, nowMs);
      } else noteTurnFinished(p, agent, { ...held, result: held.result }, nowMs);
      return;
  }
}

/** Whether an earlier message of the agent is in the box and, as far as the town knows, not over. */
function isBehind(p: TownPorts, agent: AgentId, id: MessageId): boolean {
  const seq = p.messages.get(id)?.seq ?? 0;
  return p.messages.handedOver(agent).some((other) => other.seq < seq);
}

const ids = (batch: readonly Message[]): MessageId[] => batch.map((message) => message.id);

const toWire = ({ id, attempt, seq, content, sender }: Message) => ({ message: id, attempt, seq, content, sender });
