import type { Credential } from '../../client/index.ts';

type Reason = Credential['refusals'][number]['reason'];

const WORDS: Readonly<Record<Reason, string>> = {
  agent_retired: 'The agent was torn down.',
  agent_revoked: 'Its tokens were revoked by a person.',
  agent_stopped: 'The agent was stopped.',
  incarnation_superseded: 'The token is of an earlier start of the agent: a process that was replaced still calls.',
  token_expired: 'The token had expired: no newer one had reached the process, or it kept a copy.',
  incarnation_ahead: 'The token is of a start that the town does not know: the town was put back since.',
  generation_ahead: 'The town does not know this generation: it was put back since.',
  generation_cut: 'Older tokens were cut off by a refresh.',
  before_valid_from: 'The token is from before the town was put back.',
  missing_scope: 'The agent has no scope for this call.',
  too_many_calls: 'The agent called more often than it may.',
};

/** Why a call was refused, for people. A reason that is newer than this page stands for itself. */
export const refusalWords = (reason: string): string =>
  new Map<string, string>(Object.entries(WORDS)).get(reason) ?? reason.replaceAll('_', ' ');
