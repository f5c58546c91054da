/**
 * The one way out for agents' own tokens, whatever the reason: allocate, mint, send, record.
 *
 * Allocation is one transaction with its reason, an audit event and a stored retry (T2, T5): if the object dies after it, the
 * retry repeats the push with the next generation. None is stored where it would repeat nothing: an agent that is not at work has its
 * next token with what comes next, and what a sweep has not finished is taken up by that sweep, which stays due. Text lives in memory between mint and send, and nowhere else (T6).
 */
import type { IssueReason, IssuedToken, SwapResult } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import { needsSweep, type Agent } from '../../roster/agent.ts';
import type { MintedToken } from '../../tokens/mint.ts';
import { SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { issueRefusal, type IssueRefusal } from '../agents/issue-refusal.ts';
import { recordFailure, recordSwap } from './record-outcome.ts';
import type { TownPorts } from '../ports.ts';

/** Tokens to mint for agents of one container, and how they are sent. */
export interface IssueOrder<T> {
  /** All in one container. They are read again in the transaction; a moved incarnation is left out. */
  readonly agents: readonly Agent[];
  readonly reason: IssueReason;
  /** The work that sends this stays due until the answer is recorded, and then sends again: no retry of its own is stored. */
  readonly isRepeated?: boolean;
  /** Stored in the transaction of the allocation, for each agent that gets a token. */
  readonly also?: (agent: Agent, gen: number, nowMs: number) => void;
  readonly send: (tokens: readonly IssuedToken[]) => Promise<LinkAnswer<T>>;
  /** What the answer says of each agent's swap; an agent that it leaves out counts as failed. Null: the answer is no ack. */
  readonly swaps: ((value: T) => readonly SwapResult[]) | null;
}

/** The link's own answer, or why nothing was sent. */
export type IssueAnswer<T> =
  | LinkAnswer<T>
  /** No token was minted: every agent is refused or has moved on. Nothing was sent. */
  | { readonly kind: 'refused'; readonly code: IssueRefusal | 'incarnation_superseded' }
  /** The keys could not sign. Recorded as a failed push; the stored retry stands. */
  | { readonly kind: 'mint_failed' };

/** Issues one token to each agent and pushes them in one request. Never rejects for a business failure. */
export async function issueToken<T>(p: TownPorts, order: IssueOrder<T>): Promise<IssueAnswer<T>> {
  const allocated = allocate(p, order);
  if (!Array.isArray(allocated)) return { kind: 'refused', code: allocated };
  const minted = await Promise.all(allocated.map((allocation) => mint(p, allocation)));
  const ready = minted.filter((token): token is Ready => token !== null);
  if (ready.length === 0) return { kind: 'mint_failed' };
  const answer = await order.send(ready.map(({ token }) => toIssuedToken(token)));
  record(p, ready, answer, order.swaps);
  return answer;
}

interface Allocation {
  readonly agent: Agent;
  readonly gen: number;
}

interface Ready {
  readonly agent: Agent;
  readonly token: MintedToken;
}

function allocate<T>(p: TownPorts, order: IssueOrder<T>): Allocation[] | IssueRefusal | 'incarnation_superseded' {
  return p.transaction(() => {
    const now = p.clock.now();
    const allocated: Allocation[] = [];
    let refused: IssueRefusal | 'incarnation_superseded' = 'incarnation_superseded';
    for (const asked of order.agents) {
      const agent = p.agents.get(asked.id);
      const refusal = agent === null ? 'agent_retired' : issueRefusal(agent, p.tokens.get(asked.id));
      if (refusal !== null) refused = refusal;
      if (agent === null || refusal !== null || agent.inc !== asked.inc) continue;
      const hasRetry = needsSweep(agent.state) && order.isRepeated !== true;
      const gen = p.tokens.allocate(agent.id, agent.inc, order.reason, now, hasRetry ? now + SAFETY_RETRY_MS : null);
      order.also?.(agent, gen, now);
      allocated.push({ agent, gen });
    }
    const first = allocated[0];
    if (first === undefined) return refused;
    p.events.append(
      'reeve.token.issued',
      allocated.length === 1 ? first.agent.id : `${p.id}:${first.agent.container}`,
      {
        reason: order.reason,
        agents: allocated.map(({ agent, gen }) => ({ agent: agent.id, incarnation: agent.inc, generation: gen })),
      },
      now,
    );
    return allocated;
  });
}

/** Null: it could not be signed, which is recorded for this agent and stops no other (F9). */
async function mint(p: TownPorts, { agent, gen }: Allocation): Promise<Ready | null> {
  try {
    const order = { town: p.id, agent: agent.id, inc: agent.inc, gen, scopes: agent.scopes };
    // Never before the time from which the town accepts tokens: after a restore that is up to a second ahead.
    const nowMs = Math.max(p.clock.now(), p.town.get()?.validFromMs ?? 0);
    return { agent, token: await p.mint(order, nowMs) };
  } catch (thrown) {
    p.log.error('token.mint_failed', { town: p.id, agent: agent.id, error: messageOf(thrown) });
    recordFailure(p, agent, gen, { kind: 'mint_failed' });
    return null;
  }
}

/** The only place where a minted token's text leaves its wrapper: on its way to the control server. */
export function toIssuedToken(minted: MintedToken): IssuedToken {
  return {
    agent: minted.order.agent,
    inc: minted.order.inc,
    gen: minted.order.gen,
    jti: minted.jti,
    token: minted.token.reveal(),
    issued_at: timestamp(minted.issuedAtMs),
    expires_at: timestamp(minted.expiresAtMs),
  };
}

function record<T>(p: TownPorts, ready: readonly Ready[], answer: LinkAnswer<T>, swaps: IssueOrder<T>['swaps']): void {
  if (answer.kind === 'answered' && swaps === null) return;
  const results =
    answer.kind === 'answered' && swaps !== null
      ? new Map(swaps(answer.value).map((swap) => [swap.agent, swap]))
      : null;
  p.transaction(() => {
    for (const { agent, token } of ready) {
      const swap = results?.get(agent.id);
      if (swap !== undefined) recordSwap(p, agent, token, swap);
      else recordFailure(p, agent, token.order.gen, answer.kind === 'answered' ? { kind: 'no_result' } : answer);
    }
  });
}
