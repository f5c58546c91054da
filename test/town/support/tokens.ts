import { lab } from './lab.ts';

/** The token that an agent called the Worker with last. */
export function lastTokenOf(agent: { readonly id: string }): string {
  const call = lab.agentCalls.findLast(({ bearer }) => bearer.includes('.') && subjectOf(bearer).endsWith(agent.id));
  if (call === undefined) throw new Error(`${agent.id} has not called yet`);
  return call.bearer;
}

/** `sub` of a token, read without verifying it. */
export function subjectOf(token: string): string {
  const payload = token.split('.')[1] ?? '';
  const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')));
  return typeof claims === 'object' && claims !== null && 'sub' in claims ? String(claims.sub) : '';
}
