import type { AgentClaims } from '../../../src/protocol/index.ts';

/** `sub` of a token, read without verifying it. */
export function subjectOf(token: string): string {
  return claimsOf(token).sub;
}

/** Claims of an agent token, read without verifying it. */
export function claimsOf(token: string): AgentClaims {
  const payload = token.split('.')[1] ?? '';
  return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) as AgentClaims;
}
