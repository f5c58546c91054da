import type { SessionId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import { PUSH_RETRY, SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { doubtContainer, backoffUntil, recordAnswer, recordSession } from './containers.ts';
import { inSlot } from './in-slot.ts';
import type { TownPorts } from '../ports.ts';

/**
 * Asks a container for a new session where one is owed: agents that run in the old one, and that the restored town may know
 * nothing of, end with it. Single flight per container; the next try is stored before it is asked.
 */
export function renewContainer(p: TownPorts, index: number): Promise<void> {
  return p.flights.run(`renew:${index}`, async () => {
    const owed = p.containers.get(index);
    if (owed === null || owed.renewDueAtMs === null) return;
    // The first one may ask a container that the town backs off from: a person waits for it. A repeat may not.
    const isFirst = owed.renewTries === 0;
    const waitsUntilMs = isFirst ? null : backoffUntil(p, index);
    p.containers.planRenewal(index, waitsUntilMs ?? p.clock.now() + SAFETY_RETRY_MS, owed.renewTries);
    if (waitsUntilMs !== null) return;
    const answer = await inSlot<LinkAnswer<SessionId> | null>(p, {
      pool: 'delivery',
      container: index,
      mayAskInBackoff: isFirst,
      work: () => p.link(index).renew(),
      inBackoff: (untilMs) => {
        p.containers.planRenewal(index, untilMs, owed.renewTries);
        return null;
      },
    });
    if (answer === null) return;
    p.transaction(() => {
      if (answer.kind === 'answered') recordSession(p, index, answer.value);
      else recordAnswer(p, index, answer);
      // Abandoned meanwhile: its session is given up, and replaced before it is used again.
      if (p.containers.get(index)?.renewDueAtMs === null) return;
      if (answer.kind !== 'unreachable') {
        // Asleep: no agent runs in it, and the session was given up.
        p.containers.planRenewal(index, null, 0);
        return;
      }
      const tries = owed.renewTries + 1;
      const wait = backoffMs(PUSH_RETRY, tries, p.random(), answer.retryAfterMs);
      p.containers.planRenewal(index, p.clock.now() + wait, tries);
      doubtContainer(p, index, answer);
    });
  });
}
