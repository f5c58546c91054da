/** Tokens of agents for third parties (RFC 8693): allowed and recorded in the transaction of the call, minted after it. */
import { MAX_EXCHANGED_PER_AGENT } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../../roster/agent.ts';
import { exchangeLifetime } from '../../tokens/exchange-policy.ts';
import type { ThirdPartyOrder } from '../../tokens/mint.ts';
import type { VerifiedCall } from '../calls/authorize-call.ts';
import type { TownPorts } from '../ports.ts';

/** For whom, and the `jti` that the caller drew: a call that the platform brings twice is one token. */
export interface ExchangeOrder {
  readonly audience: string;
  readonly jti: string;
}

/** `audience_not_allowed`: not on the town's list. `ends_too_soon`: the agent's own token does. `limit_exceeded`: too many are out. */
export type ExchangeRefusal = 'audience_not_allowed' | 'ends_too_soon' | 'limit_exceeded';

/** What goes to the agent, and is kept nowhere (T6). */
export interface IssuedForThirdParty {
  readonly token: string;
  readonly expiresIn: number;
}

/** Allows the exchange and records it, with an event: no token is out that the town does not know (W-35, W-33). */
export function recordExchange(
  p: TownPorts,
  agent: Agent,
  { claims }: VerifiedCall,
  { audience, jti }: ExchangeOrder,
): Result<ThirdPartyOrder, ExchangeRefusal> {
  if (p.town.get()?.tokenAudiences.includes(audience) !== true) return err('audience_not_allowed');
  const now = p.clock.now();
  const lifetime = exchangeLifetime(claims.exp, now);
  if (lifetime === null) return err('ends_too_soon');
  const { inc, gen } = claims;
  const expiresAtMs = lifetime.exp * 1000;
  const added = p.exchanged.add({ jti, agent: agent.id, inc, gen, expiresAtMs }, MAX_EXCHANGED_PER_AGENT, now);
  if (added === 'full') return err('limit_exceeded');
  if (added === 'added') {
    const what = { jti, audience, incarnation: inc, generation: gen, expires_at: timestamp(expiresAtMs) };
    p.events.append('reeve.token.exchanged', agent.id, what, now);
  }
  return ok({ town: p.id, agent: agent.id, audience, jti, ...lifetime });
}

/** Mints what was recorded. Rejects only where the keys cannot be used. */
export async function mintRecorded(p: TownPorts, order: ThirdPartyOrder): Promise<IssuedForThirdParty> {
  return { token: await p.mintForThirdParty(order), expiresIn: order.exp - order.iat };
}

/** Ends a token that this agent exchanged for, and that is out; any other is left as it is. The same again changes nothing. */
export function revokeExchanged(p: TownPorts, agent: Agent, jti: string): null {
  const now = p.clock.now();
  if (p.exchanged.get(jti, now)?.agent !== agent.id) return null;
  p.exchanged.remove(jti);
  p.events.append('reeve.token.revoked', agent.id, { jti }, now);
  return null;
}
