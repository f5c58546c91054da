import type { AgentId, ThirdPartyClaims } from '#protocol';
import { identified, type VerifiedCall } from '../calls/authorize-call.ts';
import type { TownPorts } from '../ports.ts';

/** A token of an agent whose signature, issuer and claims the Worker has verified: its own, or one for a third party. */
export type PresentedToken =
  | { readonly kind: 'own'; readonly call: VerifiedCall }
  | { readonly kind: 'third_party'; readonly agent: AgentId; readonly claims: ThirdPartyClaims };

/**
 * Whether a token is accepted at this moment, by the rows that decide calls (W-36). One for a third party is as long as the town
 * knows it, its audience is allowed, its agent may exchange, and the agent's own token that it was exchanged for would be accepted
 * but for its age. Changes nothing, and counts as no call of that agent.
 */
export function isActive(p: TownPorts, token: PresentedToken): boolean {
  const now = p.clock.now();
  if (token.kind === 'own') {
    const { claims } = token.call;
    return claims.exp * 1000 > now && identified(p, claims) !== null;
  }
  const { jti, aud, iat } = token.claims;
  const known = p.exchanged.get(jti, now);
  if (known === null || known.agent !== token.agent || p.town.get()?.tokenAudiences.includes(aud) !== true)
    return false;
  const { inc, gen, agent } = known;
  return identified(p, { town: p.id, agent, inc, gen, iat })?.scopes.includes('exchange') === true;
}
