/** Tells agents what became of what they delegated: ids and states, in one message for all that ended since the last. */
import { SYSTEM_SENDER, makeId, parseTraceparent, type AgentId, type Notice } from '#protocol';
import { ANNOUNCEMENT_COOLDOWN_MS, taskMessage } from '../../ledger/delegation.ts';
import { randomBytes } from '#lib/secret.ts';
import { acceptMessage } from '../agents/accept-message.ts';
import { RUN_BUDGET_AGENTS } from '../state/alarm-plan.ts';
import { recordWorkFailure } from '../agents/due-work.ts';
import { expireDelegations } from './finish-delegation.ts';
import type { TownPorts } from '../ports.ts';

const ID_BYTES = 20;

/** Does what is due: ends what is overdue, and announces. Returns who has a message now; the caller serves them. */
export function tendDelegations(p: TownPorts): AgentId[] {
  expireDelegations(p);
  return announceDue(p);
}

/**
 * Announces what is due. The due times move ahead first: whatever breaks here comes back after a cooldown, and not at once for
 * ever (M-32). The message and the mark that it was announced are one step, so nothing is announced twice (M-33).
 */
export function announceDue(p: TownPorts): AgentId[] {
  const now = p.clock.now();
  const due = p.delegations.announcementsDue(now, RUN_BUDGET_AGENTS);
  if (due.length === 0) return [];
  p.transaction(() => {
    for (const agent of due) p.delegations.postpone(agent, now + ANNOUNCEMENT_COOLDOWN_MS);
  });
  return due.filter((agent) => {
    try {
      return p.transaction(() => announceTo(p, agent, now));
    } catch (thrown) {
      recordWorkFailure(p, 'announce', agent, thrown, (atMs) => p.delegations.postpone(agent, atMs));
      return false;
    }
  });
}

function announceTo(p: TownPorts, id: AgentId, nowMs: number): boolean {
  const agent = p.agents.get(id);
  const ended = p.delegations.unannounced(id).map(({ id, state }) => ({ id, state }));
  if (agent === null || ended.length === 0) return false;
  const message = makeId('msg', randomBytes(ID_BYTES));
  const notice: Notice = { notice: 'delegation.announced', delegations: ended };
  const content = JSON.stringify(notice);
  const traceparent = commonTrace(ended.map((one) => p.messages.get(taskMessage(one.id))?.traceparent));
  // Where too much waits already it is announced after the next cooldown.
  if (!acceptMessage(p, { id: message, agent, content, sender: SYSTEM_SENDER, traceparent }).ok) return false;
  p.delegations.announced(id, nowMs);
  p.events.append('reeve.delegation.announced', id, { message, delegations: ended }, nowMs);
  return true;
}

/** That of the newest, where all belong to one trace: a message goes on with one, and is in none where several met in it. */
function commonTrace(traceparents: readonly (string | null | undefined)[]): string | null {
  const traces = new Set(traceparents.map((text) => parseTraceparent(text)?.traceId));
  return traces.size === 1 ? (traceparents.at(-1) ?? null) : null;
}
