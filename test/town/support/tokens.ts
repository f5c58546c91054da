import type { AgentClaims } from '../../../src/protocol/index.ts';
import { lab } from './lab.ts';

/** The token that an agent called the Worker with last. */
export function lastTokenOf(agent: { readonly id: string }): string {
  const call = lab.agentCalls.findLast(({ bearer }) => bearer.includes('.') && subjectOf(bearer).endsWith(agent.id));
  if (call === undefined) throw new Error(`${agent.id} has not called yet`);
  return call.bearer;
}

/** `sub` of a token, read without verifying it. */
export function subjectOf(token: string): string {
  return claimsOf(token).sub;
}

/** Claims of an agent token, read without verifying it. */
export function claimsOf(token: string): AgentClaims {
  const payload = token.split('.')[1] ?? '';
  return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as AgentClaims;
}
