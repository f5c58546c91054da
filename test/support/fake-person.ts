/** One person in a town of `fake-town-object.ts`: agents and messages are the town's, every call is written down there. */
import { z } from 'zod';
import type { Ticket } from '../../src/events/ticket-store.ts';
import {
  agentSchema,
  containerSchema,
  credentialSchema,
  delegationSchema,
  eventPageSchema,
  memberSchema,
  messageSchema,
  pageOf as pageSchemaOf,
  permissionSchema,
  restoreBegunSchema,
  restoredSchema,
  sweepReportSchema,
  townHealthSchema,
  townSchema,
  type AgentId,
  type AgentView,
  type ContainerView,
  type EventView,
  type GenerationView,
  type MemberRole,
  type MemberView,
  type MessageId,
  type MessageView,
  type PermissionView,
  type TownChange,
} from '#protocol';
import type { Held, PersonStub } from '../../src/http/edge/edge.ts';
import type { AgentChange } from '../../src/town/agents/change-agent.ts';
import type { PresentedToken } from '../../src/town/credentials/introspect-token.ts';
import type { NewAgent } from '../../src/town/agents/create-agent.ts';
import type { PermissionChoice } from '../../src/town/delivery/answer-permission.ts';
import type { RestoreTarget } from '../../src/town/restore-town.ts';
import type { MemberOrder } from '../../src/town/members/change-members.ts';
import type { MessageQuery } from '../../src/town/read-town.ts';
import { AT, DELEGATION, err, ok, resultOf, type FakeTown } from './fake-answers.ts';
import { agentId, messageId, permissionId } from './ids.ts';

/** What an agent of every such town asks. */
const PERMISSION: PermissionView = {
  id: permissionId(1),
  agent: agentId(1),
  message: messageId(1),
  attempt: 1,
  title: 'Write a file',
  kind: 'edit',
  input: '{}',
  options: [{ id: 'yes', name: 'Allow', kind: 'allow_once' }],
  state: 'open',
  requested_at: AT,
  expires_at: AT,
  option: null,
  answered_by: null,
  resolved_by: null,
  resolved_at: null,
};
/** The container of every such town. */
const CONTAINER: Omit<ContainerView, 'container' | 'agents'> = {
  state: 'idle',
  since: null,
  session_since: AT,
  last_heard_at: AT,
  held: null,
  refused_since: null,
  next_probe_at: null,
};
/** What was issued to every such agent. */
const GENERATION: GenerationView = {
  generation: 1,
  incarnation: 1,
  reason: 'start',
  issued_at: AT,
  acked_at: AT,
  first_used_at: null,
  expires_at: AT,
  outcome: 'applied',
  error: null,
  revoked_at: null,
};
const listOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item) });
const REPORT = { due: 0, ok: 0, failed: 0, skipped: 0, results: [] };

export class FakePerson implements Held<PersonStub> {
  readonly #town: FakeTown;
  readonly #person: string;

  readonly #held: Promise<Disposable>;

  /** `held` is what the call resolves to. */
  constructor(town: FakeTown, person: string, held: Promise<Disposable>) {
    this.#town = town;
    this.#person = person;
    this.#held = held;
  }

  // As the platform gives it: a promise, whose methods can be called before.
  // oxlint-disable-next-line unicorn/no-thenable
  then<A = Disposable, B = never>(
    then?: ((held: Disposable) => A | PromiseLike<A>) | null,
    failed?: ((thrown: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#held.then(then, failed);
  }

  describe() {
    return this.#town.record('describe', [], resultOf(townSchema), () => ok(this.#town.view('first')));
  }
  change(change: TownChange) {
    const changed = { ...this.#town.view('first'), ...change };
    return this.#town.record('change', [change], resultOf(townSchema), () => ok(changed));
  }
  introspect(token: PresentedToken) {
    return this.#town.record('introspect', [token], resultOf(z.boolean()), () => ok(true));
  }
  health() {
    return this.#town.record('health', [], resultOf(townHealthSchema), () => ok({ status: 'green', reasons: [] }));
  }
  listContainers() {
    const agents = [...this.#town.agents.values()].map(({ id }) => id);
    return this.#town.record('listContainers', [], resultOf(listOf(containerSchema)), () =>
      ok({ items: [{ ...CONTAINER, container: `${this.#town.id}:0`, agents }] }),
    );
  }
  restore(target: RestoreTarget) {
    return this.#town.record('restore', [target], resultOf(restoreBegunSchema), () => ok({ undo: '0-0' }));
  }
  restored() {
    return this.#town.record('restored', [], resultOf(restoredSchema), () => ok({ containers: 0, renewed: 0 }));
  }
  createAgent(agent: NewAgent) {
    return this.#town.record('createAgent', [agent], resultOf(agentSchema), () => {
      const taken = [...this.#town.agents.values()].some(({ name }) => name === agent.name);
      if (taken) return err('name_taken');
      const made = this.#town.agentView(agent.id, agent.name);
      this.#town.agents.set(agent.id, made);
      return ok(made);
    });
  }
  listAgents(after: string, limit: number) {
    return this.#town.record('listAgents', [after, limit], resultOf(pageSchemaOf(agentSchema)), () => {
      const all = [...this.#town.agents.values()].toSorted((one, other) => one.id.localeCompare(other.id));
      const found = all.filter(({ id }) => id > after);
      return ok(pageOf(found, limit, ({ id }) => id));
    });
  }
  getAgent(idOrName: string) {
    return this.#town.record('getAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  getCredential(idOrName: string) {
    return this.#town.record('getCredential', [idOrName], resultOf(credentialSchema), () => {
      const found = this.#found(idOrName);
      return found.ok ? ok({ items: [GENERATION], refusals: [] }) : found;
    });
  }
  changeAgent(idOrName: string, change: AgentChange) {
    return this.#town.record('changeAgent', [idOrName, change], resultOf(agentSchema), () => this.#found(idOrName));
  }
  retireAgent(idOrName: string) {
    return this.#town.record(
      'retireAgent',
      [idOrName],
      resultOf(z.object({ agent: agentSchema, confirmed: z.boolean() })),
      () => {
        const found = this.#found(idOrName);
        if (!found.ok) return found;
        const agent: AgentView = { ...found.value, state: 'retired' };
        this.#town.agents.set(agent.id, agent);
        return ok({ agent, confirmed: true });
      },
    );
  }
  startAgent(idOrName: string) {
    return this.#town.record('startAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  stopAgent(idOrName: string) {
    return this.#town.record('stopAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  revokeAgent(idOrName: string) {
    return this.#town.record('revokeAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  refreshAgent(idOrName: string, revokeOlder: boolean) {
    return this.#town.record('refreshAgent', [idOrName, revokeOlder], resultOf(sweepReportSchema), () => ok(REPORT));
  }
  refreshTown(revokeOlder: boolean) {
    return this.#town.record('refreshTown', [revokeOlder], resultOf(sweepReportSchema), () => ok(REPORT));
  }
  sendMessage(idOrName: string, message: { id: MessageId; content: string }) {
    return this.#town.record('sendMessage', [idOrName, message], resultOf(messageSchema), () => {
      const found = this.#found(idOrName);
      if (!found.ok) return found;
      if (found.value.state === 'retired') return err('agent_retired');
      const stored = this.#messageView(found.value.id, message);
      this.#town.messages.push({ ...stored, ...this.#town.becomes });
      return ok(stored);
    });
  }
  listMessages(idOrName: string, query: MessageQuery) {
    return this.#town.record('listMessages', [idOrName, query], resultOf(pageSchemaOf(messageSchema)), () => {
      const { order, cursor, limit } = query;
      const all = order === 'oldest' ? this.#town.messages : this.#town.messages.toReversed();
      const after = all.findIndex(({ seq }) => seq === cursor) + 1;
      return ok(pageOf(all.slice(after), limit, ({ seq }) => String(seq)));
    });
  }
  cancelMessage(idOrName: string, id: string) {
    return this.#town.record('cancelMessage', [idOrName, id], resultOf(messageSchema), () => {
      const found = this.#town.messages.find((message) => message.id === id);
      return found === undefined ? err('not_found') : ok({ ...found, state: 'cancelled' });
    });
  }
  interruptAgent(idOrName: string) {
    return this.#town.record('interruptAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  getMessage(idOrName: string, id: string, waitMs = 0) {
    return this.#town.getMessage(idOrName, id, waitMs);
  }
  listEvents(after: number, limit: number) {
    return this.#town.record('listEvents', [after, limit], resultOf(eventPageSchema), () => {
      const three = Array.from({ length: 3 }, (_, at) => this.#event(after + at + 1));
      return ok({ ...pageOf(three, limit, ({ seq }) => String(seq)), oldest: 1 });
    });
  }
  addTicket(ticket: Omit<Ticket, 'person'>) {
    return this.#town.record('addTicket', [ticket], resultOf(z.null()), () => ok(null));
  }
  listPermissions(open: boolean, after: number, limit: number) {
    return this.#town.record('listPermissions', [open, after, limit], resultOf(pageSchemaOf(permissionSchema)), () =>
      ok({ items: [PERMISSION], next: null }),
    );
  }
  getPermission(id: string) {
    return this.#town.record('getPermission', [id], resultOf(permissionSchema), () =>
      id === PERMISSION.id ? ok(PERMISSION) : err('not_found'),
    );
  }
  answerPermission(id: string, choice: PermissionChoice) {
    return this.#town.record('answerPermission', [id, choice], resultOf(permissionSchema), () => {
      if (id !== PERMISSION.id) return err('not_found');
      return ok<PermissionView>({
        ...PERMISSION,
        state: 'selected',
        option: 'yes',
        resolved_by: 'person',
        resolved_at: AT,
      });
    });
  }
  listDelegations(after: number, limit: number) {
    return this.#town.record('listDelegations', [after, limit], resultOf(pageSchemaOf(delegationSchema)), () =>
      ok({ items: [DELEGATION], next: null }),
    );
  }
  deleteTown() {
    return this.#town.record('deleteTown', [], resultOf(z.object({ gone: z.boolean() })), () => ok({ gone: true }));
  }
  listMembers(after: string, limit: number) {
    return this.#town.record('listMembers', [after, limit], resultOf(pageSchemaOf(memberSchema)), () =>
      ok(pageOf([this.#member(this.#person, 'owner')], limit, ({ subject }) => subject)),
    );
  }
  putMember(order: MemberOrder) {
    const put = z.object({ member: memberSchema, isNew: z.boolean() });
    return this.#town.record('putMember', [order], resultOf(put), () =>
      ok({ member: this.#member(order.person, order.role), isNew: true }),
    );
  }
  removeMember(person: string) {
    return this.#town.record('removeMember', [person], resultOf(memberSchema), () =>
      ok(this.#member(person, 'viewer')),
    );
  }

  #member(subject: string, role: MemberRole): MemberView {
    return { subject, role, since: AT, added_by: this.#person };
  }

  #found(idOrName: string) {
    const found = [...this.#town.agents.values()].find(({ id, name }) => id === idOrName || name === idOrName);
    return found === undefined ? err('not_found' as const) : ok(found);
  }

  #event(seq: number): EventView {
    const id = `${this.#town.id}-${seq}`;
    const kind = { specversion: '1.0', datacontenttype: 'application/json' } as const;
    return {
      ...kind,
      id,
      source: this.#town.id,
      type: 'reeve.town.restored',
      subject: this.#town.id,
      time: AT,
      seq,
      data: {},
    };
  }

  #messageView(agent: AgentId, { id, content }: { id: MessageId; content: string }): MessageView {
    return {
      id,
      agent,
      seq: this.#town.messages.length + 1,
      state: 'queued',
      content,
      sender: `person:${this.#person}`,
      kind: 'user',
      idempotency_key: null,
      attempts: 1,
      created_at: AT,
      delivered_at: null,
      finished_at: null,
      reply: null,
      truncated: false,
      error: null,
    };
  }
}

/** As a town fills its pages, while no text is long. */
function pageOf<T>(rows: readonly T[], limit: number, cursor: (row: T) => string) {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? cursor(last) : null };
}
