/** What the town shows of itself, put together from its rows. */
import {
  fillPage,
  type AgentId,
  type AgentView,
  type ContainerView,
  type CredentialView,
  type MemberView,
  type MessageView,
  type Page,
  type PageOrder,
  type PermissionView,
  type TownView,
} from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import { isFinal } from '../outbox/message.ts';
import type { Agent } from '../roster/agent.ts';
import { countLive } from './agents/place-agent.ts';
import type { TownPorts } from './ports.ts';
import type { ContainerRecord } from './state/container-store.ts';
import { containerView } from './views/container-view.ts';
import { credentialView } from './views/credential-view.ts';
import { dueTimes } from './alarm/run-due.ts';
import { agentView, memberView, messageView, permissionView, townView } from './views/views.ts';

/** One agent as people see it. Throws where there is none: the caller has found it. */
export function readAgent(p: TownPorts, id: AgentId): AgentView {
  const agent = p.agents.get(id);
  if (agent === null) throw new Error('the caller has found the agent');
  return agentView(p.id, agent, p.runtimes.get(id), p.tokens.get(id), p.town.get()?.sweepAtMs ?? 0);
}

/** What was issued to an agent, and what its calls were refused for. */
export function readCredential(p: TownPorts, id: AgentId): CredentialView {
  return credentialView(p.tokens.facts(id), p.refusedCalls.list(id), p.town.get()?.validFromMs ?? 0);
}

/** Agents with an id above `after`, in the order of ids; those of the retired that are kept too. */
export function listAgents(p: TownPorts, after: string, limit: number): Page<AgentView> {
  const view = ({ id }: Agent): AgentView => readAgent(p, id);
  return fillPage(p.agents.list(after, limit + 1), limit, view, ({ id }) => id);
}

/** Which messages of an agent are asked for: those that come after `cursor` in `order`, by their `seq`; null: from its beginning. */
export interface MessageQuery {
  readonly order: PageOrder;
  readonly cursor: number | null;
  readonly limit: number;
}

/** Messages of an agent, in the order that is asked for. */
export function listMessages(p: TownPorts, agent: AgentId, { order, cursor, limit }: MessageQuery): Page<MessageView> {
  const from = cursor ?? (order === 'oldest' ? 0 : Number.MAX_SAFE_INTEGER);
  return fillPage(p.messages.list(agent, order, from, limit + 1), limit, messageView, ({ seq }) => String(seq));
}

/** Every container that the town has or had agents in, in the order of their numbers. Nothing is sent to any (T10). */
export function listContainers(p: TownPorts): { items: ContainerView[] } {
  const housed = Map.groupBy(p.agents.live(), ({ container }) => container);
  const view = (one: ContainerRecord): ContainerView =>
    containerView(p.id, one, housed.get(one.index) ?? [], p.clock.now());
  return { items: p.containers.list().map(view) };
}

/** What agents ask, in the order in which they asked; with `open` only what is not over. */
export function listPermissions(p: TownPorts, open: boolean, after: number, limit: number): Page<PermissionView> {
  const found = open ? p.permissions.listOpen(after, limit + 1) : p.permissions.list(after, limit + 1);
  return fillPage(found, limit, permissionView, ({ seq }) => String(seq));
}

/** One question of an agent, by its id. */
export function readPermission(p: TownPorts, id: string): Result<PermissionView, 'not_found'> {
  const found = p.permissions.get(id);
  return found === null ? err('not_found') : ok(permissionView(found));
}

export { listDelegations } from './ledger/delegation-views.ts';

/** Members with an id above `after`, in the order of ids. */
export function listMembers(p: TownPorts, after: string, limit: number): Page<MemberView> {
  return fillPage(p.members.list(after, limit + 1), limit, memberView, ({ person }) => person);
}

/** The town as people see it. */
export function readTown(p: TownPorts): TownView {
  const town = p.town.get();
  if (town === null) throw new Error('the caller made sure that the town exists');
  return townView(town, countLive(p), dueTimes(p).sweep, p.sweeps.latest(1)[0] ?? null);
}

export { readHealth } from './views/read-health.ts';

/** A message of this agent; with `waitMs` once it is over, or as it is after that time. */
export async function readMessage(
  p: TownPorts,
  idOrName: string,
  message: string,
  waitMs: number,
): Promise<Result<MessageView, 'not_found'>> {
  const found = p.messages.get(message);
  if (found === null || found.agent !== p.agents.find(idOrName)?.id) return err('not_found');
  if (waitMs > 0 && !isFinal(found.state)) await p.waiters.wait(found.id, waitMs);
  return ok(messageView(p.messages.get(message) ?? found));
}
