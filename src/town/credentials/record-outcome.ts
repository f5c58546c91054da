/** What one push came to, written down: acks, retries, and agents found gone. Synchronous, inside a transaction of the caller. */
import type { SwapResult } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import { needsSweep, type Agent } from '../../roster/agent.ts';
import type { MintedToken } from '../../tokens/mint.ts';
import type { PushFailed } from '../../tokens/token-store.ts';
import { PUSH_RETRY } from '../../tokens/refresh-policy.ts';
import { agentGone } from '../agents/agent-gone.ts';
import type { TownPorts } from '../ports.ts';

type PushFailure =
  | Exclude<LinkAnswer<never>, { kind: 'answered' }>
  | { readonly kind: 'mint_failed' }
  /** The container answered, but said nothing of this agent. */
  | { readonly kind: 'no_result' };

const OTHER_INCARNATION = 'the container does not run this incarnation';

/** Records the control server's own outcome for one agent. An incarnation that moved on meanwhile is left alone. */
export function recordSwap(p: TownPorts, pushed: Agent, minted: MintedToken, swap: SwapResult): void {
  const agent = p.agents.get(pushed.id);
  if (agent === null || agent.inc !== pushed.inc) return;
  const now = p.clock.now();
  const { gen } = minted.order;
  switch (swap.outcome) {
    case 'applied':
    case 'current':
      p.tokens.pushed(agent.id, { ...minted, gen }, swap.outcome, now);
      return;
    case 'stale':
      // The control server holds a newer one, whose own push or pull records it.
      p.tokens.closed(agent.id, gen, { outcome: 'stale', error: null }, now);
      return;
    case 'incarnation_mismatch':
    case 'unknown_agent':
      p.tokens.closed(agent.id, gen, { outcome: swap.outcome, error: OTHER_INCARNATION }, now);
      agentGone(p, agent, { why: swap.outcome, containerRuns: true });
      return;
    case 'conflict':
    case 'retired':
      failed(p, agent, gen, { outcome: swap.outcome, error: 'the container holds something else under this name' });
      return;
  }
}

/** Records that a push did not arrive, or that this is not known. */
export function recordFailure(p: TownPorts, pushed: Agent, gen: number, failure: PushFailure): void {
  const agent = p.agents.get(pushed.id);
  if (agent === null || agent.inc !== pushed.inc) return;
  switch (failure.kind) {
    case 'asleep':
      p.tokens.closed(agent.id, gen, { outcome: 'asleep', error: null }, p.clock.now());
      agentGone(p, agent, { why: 'asleep', containerRuns: false });
      return;
    case 'session_changed':
      // Its next start brings the token; the sender takes the new session into use.
      p.tokens.closed(agent.id, gen, { outcome: 'session_changed', error: null }, p.clock.now());
      return;
    case 'unreachable':
      failed(p, agent, gen, { outcome: failure.reason, error: failure.detail }, failure.retryAfterMs);
      return;
    case 'mint_failed':
      failed(p, agent, gen, { outcome: 'mint_failed', error: 'the signing keys could not be used' });
      return;
    case 'no_result':
      failed(p, agent, gen, { outcome: 'no_result', error: 'the container did not answer for this agent' });
      return;
  }
}

/**
 * Plans the next push while the agent uses its token, for as long as it lives; the others get a fresh one with their next
 * message. A start or a delivery that failed is repeated by its own due time, which brings a token too.
 */
function failed(p: TownPorts, agent: Agent, gen: number, end: PushFailed, retryAfterMs = 0): void {
  const now = p.clock.now();
  const tries = p.tokens.get(agent.id).retryTries + 1;
  const atMs = needsSweep(agent.state) ? now + backoffMs(PUSH_RETRY, tries, p.random(), retryAfterMs) : null;
  p.tokens.failed(agent.id, gen, end, { atMs, tries }, now);
  // The first of a row tells; the rest only count, so that a container down for a day does not fill the table.
  if (tries === 1) p.events.append('reeve.token.failed', agent.id, { outcome: end.outcome, detail: end.error }, now);
}
