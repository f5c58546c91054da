import { CLOCK_TOLERANCE_SECONDS, MAX_TOKEN_TTL_SECONDS } from '#protocol';
import type { TownPorts } from '../ports.ts';

/** Agents that are forgotten in one step, with the retirement of one: what is too many goes, at a bounded pace. */
const FORGOTTEN_AT_ONCE = 10;

/** So long (ms) after the last token of an agent was minted none is good anywhere, however the deployment was configured then. */
const TOKENS_OVER_MS = (MAX_TOKEN_TTL_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1000;

/**
 * One step of forgetting agents that were retired before the latest that a town keeps. One goes whole, and only once nothing can
 * name it as alive (T9): its container has confirmed its end, and every token that it was given has expired. What it had open was
 * ended with it. Its messages, mail, delegations and questions stay, and end by bounds of their own. Nothing is due because of it: it
 * rides along with retirements, which alone add to what is kept. Synchronous, inside a transaction of the caller.
 */
export function forgetRetired(p: TownPorts, nowMs: number): void {
  for (const id of p.agents.pastLatestRetired(p.settings.retiredAgents, FORGOTTEN_AT_ONCE)) {
    if (p.tokens.get(id).mintedAtMs > nowMs - TOKENS_OVER_MS) continue;
    p.tokens.remove(id);
    p.refusedCalls.remove(id);
    p.queues.remove(id);
    p.runtimes.remove(id);
    p.agents.remove(id);
  }
}
