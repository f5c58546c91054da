/** Decides each agent call on the town's own rows, so that teardown and revocation hold at once (T9, T11). Synchronous. */
import { isTerminal, type AgentClaims, type CallRefusalReason, type Scope, type TerminalCode } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../../roster/agent.ts';
import { LAG_GRACE_MS } from '../../tokens/refresh-policy.ts';
import type { Credential } from '../../tokens/credential.ts';
import { recordAlive } from '../containers/containers.ts';
import type { TownPorts } from '../ports.ts';

/** A token whose signature, issuer, audience and lifetime the Worker has verified. */
export interface VerifiedCall {
  readonly claims: AgentClaims;
  readonly kid: string;
}

/** Why a call is refused: for the log, and, where it is an agent's, for people. */
type Reason = CallRefusalReason | 'unknown_agent';

/**
 * What the caller learns: the terminal codes end its client; anything else is a plain 401, 403 for the scope, 429 for its rate.
 */
export type CallRefusal = TerminalCode | 'invalid_token' | 'insufficient_scope' | 'limit_exceeded';

/**
 * Does what an accepted call asks for, as its agent, in the transaction that accepts it: no other step comes between. Where the
 * work refuses, that the agent called is recorded all the same; where it throws, nothing of the call is.
 */
export function asAgent<T, E>(
  p: TownPorts,
  call: VerifiedCall,
  scope: Scope,
  work: (agent: Agent) => Result<T, E>,
): Result<T, E | CallRefusal> {
  return p.transaction(() => {
    const authorized = authorize(p, call, scope);
    return authorized.ok ? work(authorized.value) : authorized;
  });
}

/** Accepts or refuses a call, and records the generation that it was made with. */
function authorize(p: TownPorts, call: VerifiedCall, scope: Scope): Result<Agent, CallRefusal> {
  const agent = p.agents.get(call.claims.agent);
  if (agent === null) return refuse(p, call, 'unknown_agent');
  const credential = p.tokens.get(agent.id);
  const reason = refusal(p, call, agent, credential, scope);
  if (reason !== null) return refuse(p, call, reason);
  const rate = p.calls.take(agent.id, p.clock.now());
  if (rate === 'refused_first') return refuse(p, call, 'too_many_calls');
  if (rate === 'refused') {
    recordRefusal(p, call.claims, 'too_many_calls');
    return err('limit_exceeded');
  }
  recordGeneration(p, call, credential);
  recordAlive(p, agent.container);
  return ok(agent);
}

function refusal(
  p: TownPorts,
  { claims }: VerifiedCall,
  agent: Agent,
  credential: Credential,
  scope: Scope,
): Reason | null {
  const reason = identityRefusal(p, claims, agent, credential);
  if (reason !== null) return reason;
  // The row as well: scopes that were narrowed hold at once, for tokens that were minted before too.
  return claims.scope.split(' ').includes(scope) && agent.scopes.includes(scope) ? null : 'missing_scope';
}

/** What of an agent's token says whose it is, and since when. */
export type Identity = Pick<AgentClaims, 'town' | 'agent' | 'inc' | 'gen' | 'iat'>;

/** The agent that a call with this identity would be accepted as, if its scopes allowed what it asks; null: none. Records nothing. */
export function identified(p: TownPorts, identity: Identity): Agent | null {
  const agent = p.agents.get(identity.agent);
  if (agent === null || identityRefusal(p, identity, agent, p.tokens.get(agent.id)) !== null) return null;
  return agent;
}

function identityRefusal(p: TownPorts, claims: Identity, agent: Agent, credential: Credential): Reason | null {
  if (claims.town !== p.id) return 'unknown_agent';
  if (agent.state === 'retired') return 'agent_retired';
  if (credential.revokedAtMs !== null) return 'agent_revoked';
  if (claims.inc < agent.inc) return 'incarnation_superseded';
  if (agent.state === 'stopped' || agent.state === 'failed') return 'agent_stopped';
  // Above what this town ever allocated: minted before a restore took the database back.
  if (claims.inc > agent.inc) return 'incarnation_ahead';
  if (claims.gen > credential.minted) return 'generation_ahead';
  if (claims.gen < credential.minGen) return 'generation_cut';
  return claims.iat * 1000 < (p.town.get()?.validFromMs ?? 0) ? 'before_valid_from' : null;
}

/**
 * A call is proof that the container has this generation; one below the acked generation, a while later, is a stale copy (F4).
 */
function recordGeneration(p: TownPorts, { claims, kid }: VerifiedCall, credential: Credential): void {
  const now = p.clock.now();
  if (claims.gen > credential.inUse || claims.gen > credential.acked) {
    const issuedAtMs = claims.iat * 1000;
    p.tokens.used(claims.agent, { gen: claims.gen, kid, issuedAtMs, expiresAtMs: claims.exp * 1000 }, now);
  }
  if (claims.gen < credential.acked && now - (credential.ackedAtMs ?? now) > LAG_GRACE_MS) {
    p.tokens.lagging(claims.agent, claims.gen, now);
  }
}

/** The edge refused a call because its token had expired, and that was all that was wrong with it: for people to see. */
export function recordExpired(p: TownPorts, { claims }: VerifiedCall): void {
  if (claims.town === p.id && p.agents.get(claims.agent) !== null) recordRefusal(p, claims, 'token_expired');
}

/** For a token of one of this town's agents, and no other: whoever has none writes nothing. */
function recordRefusal(p: TownPorts, { agent, gen }: AgentClaims, reason: CallRefusalReason): void {
  p.refusedCalls.record(agent, reason, gen, p.clock.now());
}

function refuse(p: TownPorts, { claims }: VerifiedCall, reason: Reason): Result<Agent, CallRefusal> {
  const { agent, inc, gen } = claims;
  if (reason !== 'unknown_agent') recordRefusal(p, claims, reason);
  p.log.warn('agent.call_refused', { town: p.id, agent, incarnation: inc, generation: gen, reason });
  if (reason === 'missing_scope') return err('insufficient_scope');
  if (reason === 'too_many_calls') return err('limit_exceeded');
  return err(isTerminal(reason) ? reason : 'invalid_token');
}
