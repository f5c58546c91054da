import { subjectOf } from './claims.ts';
import { lab } from './lab.ts';

/** The token that an agent called the Worker with last. */
export function lastTokenOf(agent: { readonly id: string }): string {
  const call = lab.agentCalls.findLast(({ bearer }) => bearer.includes('.') && subjectOf(bearer).endsWith(agent.id));
  if (call === undefined) throw new Error(`${agent.id} has not called yet`);
  return call.bearer;
}
