/** A call of the town as the agent of the request, and what the caller learns of its refusals. */
import type { Result } from '#lib/result.ts';
import type { CallRefusal } from '../../town/calls/authorize-call.ts';
import type { ExchangeRefusal } from '../../town/credentials/exchange-token.ts';
import type { DelegateRefusal } from '../../town/ledger/delegate.ts';
import type { Closed } from '../../town/town-gate.ts';
import { callThrough } from '../edge/call-through.ts';
import type { AgentStub, EdgeEnv } from '../edge/edge.ts';
import { OauthRefusal } from '../edge/oauth-error.ts';
import { Refusal } from '../edge/problem.ts';

type Caller = { get<K extends 'town' | 'agent'>(key: K): EdgeEnv['Variables'][K] };

/** Why a call is refused, or what it asks for; `not_found`: the town is not there. */
type CallError =
  CallRefusal | DelegateRefusal | ExchangeRefusal | 'unknown_delegation' | 'delegation_over' | 'not_found';

/** Makes one call, in one round trip: it travels with the call of `agent`. Throws a `Refusal` where the town refuses. */
export async function asAgent<T>(
  c: Caller,
  call: (agent: AgentStub) => Promise<Result<T, CallError | Closed>>,
): Promise<T> {
  const answered = await callThrough(c.get('town').agent(c.get('agent')), call);
  if (!answered.ok) throw REFUSALS[answered.error]();
  return answered.value;
}

const DEEP = { detail: 'The chain of delegations is as long as one may be.' };
const PARENT = { detail: 'The parent is not an open delegation to the caller.' };

/**
 * What the caller learns. A signed token of a town that is not there is no better than a forged one, and gets the same answer.
 */
const REFUSALS: Readonly<Record<CallError, () => Refusal>> = {
  not_found: () => new Refusal('invalid_token'),
  unknown_peer: () => new Refusal('not_found'),
  unknown_delegation: () => new Refusal('not_found'),
  to_oneself: () => new Refusal('invalid_request', { errors: [{ path: 'to', message: 'must be another agent' }] }),
  parent_not_open: () => new Refusal('state_conflict', PARENT),
  too_deep: () => new Refusal('state_conflict', DEEP),
  delegation_over: () => new Refusal('state_conflict', { detail: 'The delegation is over.' }),
  audience_not_allowed: () => new OauthRefusal('invalid_target', 'The town does not allow this audience'),
  ends_too_soon: () =>
    new OauthRefusal('invalid_request', 'The subject_token ends within five minutes; use the next one'),
  agent_retired: () => new Refusal('agent_retired'),
  agent_revoked: () => new Refusal('agent_revoked'),
  agent_stopped: () => new Refusal('agent_stopped'),
  incarnation_superseded: () => new Refusal('incarnation_superseded'),
  invalid_token: () => new Refusal('invalid_token'),
  insufficient_scope: () => new Refusal('insufficient_scope'),
  limit_exceeded: () => new Refusal('limit_exceeded'),
};
