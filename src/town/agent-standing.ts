import type { AgentState, PermissionId } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { TownPorts } from './ports.ts';

/** What a person is shown who asks in a chat how it stands. */
export interface AgentStanding {
  readonly name: string;
  readonly state: AgentState;
  /** Whether a turn of it has begun, and is not over. */
  readonly isAtWork: boolean;
  /** Messages that no turn has begun with. */
  readonly waiting: number;
  /** What it asks and no person has answered, the oldest first. */
  readonly questions: readonly { readonly id: PermissionId; readonly title: string }[];
  /** Of its last turn that was done; cut. */
  readonly lastReply: string | null;
}

/** The last reply is shown in at most so many UTF-16 code units; the message has all of it. */
const MAX_REPLY_UNITS = 16 * 1024;

/** How an agent stands, by id or by the name of a live one. */
export function agentStanding(p: TownPorts, idOrName: string): Result<AgentStanding, 'not_found'> {
  const agent = p.agents.find(idOrName);
  if (agent === null || agent.state === 'retired') return err('not_found');
  const open = p.permissions.openOf(agent.id).filter(({ state }) => state === 'open');
  return ok({
    name: agent.name,
    state: agent.state,
    isAtWork: p.messages.handedOver(agent.id).some(({ state }) => state === 'working'),
    waiting: p.queues.ofAgent(agent.id).waiting,
    questions: open.map(({ id, title }) => ({ id, title })),
    lastReply: p.messages.lastTurns(agent.id, 1, MAX_REPLY_UNITS)[0]?.reply ?? null,
  });
}
