import type { TerminalCode } from '#protocol';
import type { Agent } from '../../roster/agent.ts';
import type { Credential } from '../../tokens/credential.ts';

/** Why an agent gets no token. The codes are those that its own calls would meet. */
export type IssueRefusal = Exclude<TerminalCode, 'incarnation_superseded'>;

/** Whether this agent may have a token: null, or why not. Every reason to issue is refused for the same agents (T9). */
export function issueRefusal(agent: Agent, credential: Credential): IssueRefusal | null {
  if (agent.state === 'retired') return 'agent_retired';
  if (credential.revokedAtMs !== null) return 'agent_revoked';
  if (agent.state === 'stopped' || agent.state === 'failed') return 'agent_stopped';
  return null;
}
