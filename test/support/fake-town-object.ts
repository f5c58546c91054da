/**
 * The town as the Worker sees it, a Durable Object, played by a small honest program: agents and messages in memory, every call
 * written down. The edge reaches it as it reaches a real one, so a test sees which town was touched, and with what. Each answer,
 * also one that a test gives in its place, passes the schema that the product declares for it: an answer that no town gives fails
 * the test.
 */
import { z } from 'zod';
import type { Ticket } from '../../src/events/ticket-store.ts';
import {
  agentSchema,
  delegationSchema,
  delegationWithTextSchema,
  eventBatchAnswerSchema,
  eventPageSchema,
  heartbeatAnswerSchema,
  issuedTokenSchema,
  mailPageSchema,
  mailSentSchema,
  messageSchema,
  pageOf as pageSchemaOf,
  peersSchema,
  permissionSchema,
  restoredSchema,
  sweepReportSchema,
  townHealthSchema,
  townSchema,
  type AgentId,
  type AgentView,
  type DelegationView,
  type EventView,
  type IssuedToken,
  type MessageId,
  type MessageView,
  type PermissionView,
  type TownChange,
  type TownId,
  type TownView,
} from '#protocol';
import type { AgentStub, ChatStub, TownStub } from '../../src/http/edge/edge.ts';
import type { VerifiedCall } from '../../src/town/calls/authorize-call.ts';
import type { AgentChange } from '../../src/town/agents/change-agent.ts';
import type { NewAgent } from '../../src/town/agents/create-agent.ts';
import type { PermissionChoice } from '../../src/town/delivery/answer-permission.ts';
import type { PresentedToken } from '../../src/town/credentials/introspect-token.ts';
import type { PullRequest } from '../../src/town/credentials/pull-token.ts';
import { agentId, delegationId, mailId, messageId, permissionId } from './ids.ts';

export interface TownCall {
  readonly town: TownId;
  readonly method: string;
  readonly given: readonly unknown[];
}

const AT = '2030-01-01T12:00:00.000Z';
const ok = <T>(value: T) => ({ ok: true as const, value });
const err = <E>(error: E) => ({ ok: false as const, error });
/** What a call answers: the value, or the code of a refusal. */
const resultOf = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion('ok', [
    z.object({ ok: z.literal(true), value }),
    z.object({ ok: z.literal(false), error: z.string() }),
  ]);
const NOTHING = z.undefined();
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
/** What is new of a turn. */
const progressSchema = z.object({
  state: messageSchema.shape.state,
  agent: agentSchema.shape.state,
  pieces: z.array(
    z.object({ kind: z.enum(['text', 'thought', 'tool', 'question']), text: z.string(), ref: z.string() }),
  ),
  place: z.object({ attempt: z.number(), pieces: z.number() }),
  end: messageSchema.pick({ reply: true, truncated: true, error: true }).nullable(),
});
const REPORT = { due: 0, ok: 0, failed: 0, skipped: 0, results: [] };

/** Everything that a town is asked. */
type Methods = Omit<TownStub, 'agent' | 'chat'> & AgentStub & ChatStub;

export class FakeTownObject implements TownStub {
  readonly id: TownId;
  readonly calls: TownCall[];
  readonly agents = new Map<string, AgentView>();
  readonly messages: MessageView[] = [];
  /** What `agent` gave out, and is not disposed of. */
  held = 0;
  /** Returns the next call in place of the method, or throws. */
  instead: (() => unknown) | null = null;

  constructor(id: TownId, calls: TownCall[]) {
    this.id = id;
    this.calls = calls;
  }

  create(given: { name: string; owner: string }) {
    return this.#record('create', [given], townSchema, () => this.#view(given.name));
  }
  describe() {
    return this.#record('describe', [], resultOf(townSchema), () => ok(this.#view('first')));
  }
  change(change: TownChange) {
    return this.#record('change', [change], resultOf(townSchema), () => ok({ ...this.#view('first'), ...change }));
  }
  introspect(token: PresentedToken) {
    return this.#record('introspect', [token], resultOf(z.boolean()), () => ok(true));
  }
  health() {
    return this.#record('health', [], resultOf(townHealthSchema), () => ok({ status: 'green', reasons: [] }));
  }
  restored() {
    return this.#record('restored', [], resultOf(restoredSchema), () => ok({ containers: 0, renewed: 0 }));
  }
  createAgent(agent: NewAgent) {
    return this.#record('createAgent', [agent], resultOf(agentSchema), () => {
      const taken = [...this.agents.values()].some(({ name }) => name === agent.name);
      if (taken) return err('name_taken');
      const made = this.agentView(agent.id, agent.name);
      this.agents.set(agent.id, made);
      return ok(made);
    });
  }
  listAgents(after: string, limit: number) {
    return this.#record('listAgents', [after, limit], resultOf(pageSchemaOf(agentSchema)), () => {
      const all = [...this.agents.values()].toSorted((one, other) => one.id.localeCompare(other.id));
      const found = all.filter(({ id }) => id > after);
      return ok(pageOf(found, limit, ({ id }) => id));
    });
  }
  getAgent(idOrName: string) {
    return this.#record('getAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  changeAgent(idOrName: string, change: AgentChange) {
    return this.#record('changeAgent', [idOrName, change], resultOf(agentSchema), () => this.#found(idOrName));
  }
  retireAgent(idOrName: string) {
    return this.#record(
      'retireAgent',
      [idOrName],
      resultOf(z.object({ agent: agentSchema, confirmed: z.boolean() })),
      () => {
        const found = this.#found(idOrName);
        if (!found.ok) return found;
        const agent: AgentView = { ...found.value, state: 'retired' };
        this.agents.set(agent.id, agent);
        return ok({ agent, confirmed: true });
      },
    );
  }
  startAgent(idOrName: string) {
    return this.#record('startAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  stopAgent(idOrName: string) {
    return this.#record('stopAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  revokeAgent(idOrName: string) {
    return this.#record('revokeAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  refreshAgent(idOrName: string, revokeOlder: boolean) {
    return this.#record('refreshAgent', [idOrName, revokeOlder], resultOf(sweepReportSchema), () => ok(REPORT));
  }
  refreshTown(revokeOlder: boolean) {
    return this.#record('refreshTown', [revokeOlder], resultOf(sweepReportSchema), () => ok(REPORT));
  }
  sendMessage(idOrName: string, message: { id: MessageId; content: string; sender: string }) {
    return this.#record('sendMessage', [idOrName, message], resultOf(messageSchema), () => {
      const found = this.#found(idOrName);
      if (!found.ok) return found;
      if (found.value.state === 'retired') return err('agent_retired');
      const stored = this.#messageView(found.value.id, message);
      this.messages.push(stored);
      return ok(stored);
    });
  }
  listMessages(idOrName: string, after: number, limit: number) {
    return this.#record('listMessages', [idOrName, after, limit], resultOf(pageSchemaOf(messageSchema)), () =>
      ok(
        pageOf(
          this.messages.filter(({ seq }) => seq > after),
          limit,
          ({ seq }) => String(seq),
        ),
      ),
    );
  }
  cancelMessage(idOrName: string, id: string) {
    return this.#record('cancelMessage', [idOrName, id], resultOf(messageSchema), () => {
      const found = this.messages.find((message) => message.id === id);
      return found === undefined ? err('not_found') : ok({ ...found, state: 'cancelled' });
    });
  }
  interruptAgent(idOrName: string) {
    return this.#record('interruptAgent', [idOrName], resultOf(agentSchema), () => this.#found(idOrName));
  }
  getMessage(idOrName: string, id: string, waitMs = 0) {
    return this.#record('getMessage', [idOrName, id, waitMs], resultOf(messageSchema), () => {
      const found = this.messages.find((message) => message.id === id);
      return found === undefined ? err('not_found') : ok(found);
    });
  }
  listEvents(after: number, limit: number) {
    return this.#record('listEvents', [after, limit], resultOf(eventPageSchema), () => {
      const three = Array.from({ length: 3 }, (_, at) => this.#event(after + at + 1));
      return ok({ ...pageOf(three, limit, ({ seq }) => String(seq)), oldest: 1 });
    });
  }
  addTicket(ticket: Ticket) {
    return this.#record('addTicket', [ticket], resultOf(z.null()), () => ok(null));
  }
  /** Refuses: a socket cannot be made outside of workerd. */
  fetch(url: string, init: { headers: Record<string, string> }) {
    return this.#record(
      'fetch',
      [url, init.headers],
      z.instanceof(Response),
      () => new Response('invalid_token', { status: 403 }),
    );
  }
  /** As the platform gives it: what is called on it is asked at once, and what it resolves to is held until it is disposed of. */
  agent(call: VerifiedCall): AgentStub & PromiseLike<Disposable> {
    return this.#handOut(this.#asAgent(call));
  }
  chat(): ChatStub & PromiseLike<Disposable> {
    return this.#handOut(this.#asChat());
  }
  listPermissions(open: boolean, after: number, limit: number) {
    return this.#record('listPermissions', [open, after, limit], resultOf(pageSchemaOf(permissionSchema)), () =>
      ok({ items: [PERMISSION], next: null }),
    );
  }
  getPermission(id: string) {
    return this.#record('getPermission', [id], resultOf(permissionSchema), () =>
      id === PERMISSION.id ? ok(PERMISSION) : err('not_found'),
    );
  }
  answerPermission(id: string, choice: PermissionChoice, person: string) {
    return this.#record('answerPermission', [id, choice, person], resultOf(permissionSchema), () => {
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
    return this.#record('listDelegations', [after, limit], resultOf(pageSchemaOf(delegationSchema)), () =>
      ok({ items: [DELEGATION], next: null }),
    );
  }
  pull(request: PullRequest) {
    return this.#record('pull', [request], resultOf(issuedTokenSchema), () => ok(issuedTokenFor(request.agent)));
  }
  watch(said: object) {
    return this.#record('watch', [said], NOTHING, () => undefined);
  }
  remove() {
    return this.#record('remove', [], z.object({ gone: z.boolean() }), () => ({ gone: true }));
  }
  hello() {
    return this.#record('hello', [], NOTHING, () => undefined);
  }

  /** An agent as the town shows it. */
  agentView(id: AgentId, name: string): AgentView {
    return {
      id,
      name,
      role: 'worker',
      scopes: ['heartbeat', 'events', 'mail', 'peers', 'delegate'],
      state: 'idle',
      incarnation: 1,
      container: `${this.id}:0`,
      process_id: 42,
      created_at: AT,
      last_heard_at: null,
      runtime: null,
      failure: null,
      credential: {
        minted: 1,
        acked: 1,
        in_use: 0,
        lagging: null,
        issued_at: AT,
        expires_at: AT,
        reason: 'start',
        last_outcome: 'applied',
        last_error: null,
        next_due_at: null,
        revoked_at: null,
      },
    };
  }

  /** Each call is written down with the one that it is made by, and then what was asked. */
  #asAgent(call: VerifiedCall): AgentStub {
    return {
      heartbeat: (beat) =>
        this.#record('heartbeat', [call, beat], resultOf(heartbeatAnswerSchema), () =>
          ok({ minted: 1, lagging: false }),
        ),
      reportEvents: (batch) =>
        this.#record('reportEvents', [call, batch], resultOf(eventBatchAnswerSchema), () =>
          ok({ counter: batch.counter, repeated: false }),
        ),
      listPeers: (after, limit) =>
        this.#record('listPeers', [call, after, limit], resultOf(peersSchema), () =>
          ok({ items: [{ id: agentId(2), name: 'bob', role: 'worker', state: 'idle' }], next: null }),
        ),
      sendMail: (mail) =>
        this.#record('sendMail', [call, mail], resultOf(mailSentSchema), () =>
          ok({ id: mail.id, to: agentId(2), sent_at: AT }),
        ),
      readMail: (cursor, limit) =>
        this.#record('readMail', [call, cursor, limit], resultOf(mailPageSchema), () =>
          ok({ items: [{ id: mailId(1), from: agentId(2), sent_at: AT, text: 'fenced' }], next: '1' }),
        ),
      delegate: (order) =>
        this.#record('delegate', [call, order], resultOf(delegationSchema), () =>
          ok({ ...DELEGATION, id: order.id, from: call.claims.agent }),
        ),
      readDelegation: (id) =>
        this.#record('readDelegation', [call, id], resultOf(delegationWithTextSchema), () =>
          ok({ ...DELEGATION, task: 'fenced', result: null }),
        ),
      finishDelegation: (id, result) =>
        this.#record('finishDelegation', [call, id, result], resultOf(delegationSchema), () => ok(DELEGATION)),
      exchangeToken: (order) =>
        this.#record(
          'exchangeToken',
          [call, order],
          resultOf(z.object({ token: z.string(), expiresIn: z.number() })),
          () => ok({ token: 'third.party.text', expiresIn: 3600 }),
        ),
      introspectToken: (token) => this.#record('introspectToken', [call, token], resultOf(z.boolean()), () => ok(true)),
      revokeToken: (jti) => this.#record('revokeToken', [call, jti], resultOf(z.null()), () => ok(null)),
    };
  }

  #asChat(): ChatStub {
    return {
      liveAgents: () =>
        this.#record('liveAgents', [], resultOf(z.array(z.object({ name: z.string(), createdAtMs: z.number() }))), () =>
          ok([...this.agents.values()].map(({ name }) => ({ name, createdAtMs: Date.parse(AT) }))),
        ),
      answered: (sender, digest, message) =>
        this.#record('answered', [sender, digest, message], resultOf(z.null()), () => ok(null)),
      followTurn: (message, place, waitMs) =>
        this.#record('followTurn', [message, place, waitMs], resultOf(progressSchema), () => {
          const found = this.messages.find(({ id }) => id === message);
          if (found === undefined) return err('not_found');
          const { state, reply, truncated, error } = found;
          const isOver = ['done', 'failed', 'cancelled'].includes(state);
          return ok({ state, agent: 'idle', pieces: [], place, end: isOver ? { reply, truncated, error } : null });
        }),
    };
  }

  #handOut<S extends object>(methods: S): S & PromiseLike<Disposable> {
    this.held += 1;
    return Object.assign(Promise.resolve({ [Symbol.dispose]: () => void (this.held -= 1) }), methods);
  }

  async #record<M extends keyof Methods>(
    method: M,
    given: readonly unknown[],
    shape: z.ZodType,
    answer: () => Awaited<ReturnType<Methods[M]>>,
  ): Promise<Awaited<ReturnType<Methods[M]>>> {
    this.calls.push({ town: this.id, method, given });
    const { instead } = this;
    this.instead = null;
    const answered = await (instead === null ? answer() : instead());
    // What a test gives is known by its shape alone.
    return shape.parse(answered) as Awaited<ReturnType<Methods[M]>>;
  }

  #found(idOrName: string) {
    const found = [...this.agents.values()].find(({ id, name }) => id === idOrName || name === idOrName);
    return found === undefined ? err('not_found' as const) : ok(found);
  }

  #event(seq: number): EventView {
    const id = `${this.id}-${seq}`;
    const kind = { specversion: '1.0', datacontenttype: 'application/json' } as const;
    return { ...kind, id, source: this.id, type: 'reeve.town.restored', subject: this.id, time: AT, seq, data: {} };
  }

  #view(name: string): TownView {
    return {
      id: this.id,
      name,
      created_at: AT,
      agents: this.agents.size,
      token_audiences: [],
      next_sweep_at: null,
      last_sweep: null,
    };
  }

  #messageView(
    agent: AgentId,
    { id, content, sender }: { id: MessageId; content: string; sender: string },
  ): MessageView {
    return {
      id,
      agent,
      seq: this.messages.length + 1,
      state: 'queued',
      content,
      sender,
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

const DELEGATION: DelegationView = {
  id: delegationId(1),
  from: agentId(1),
  to: agentId(2),
  parent: null,
  depth: 1,
  state: 'open',
  error: null,
  created_at: AT,
  deadline_at: AT,
  finished_at: null,
  announced_at: null,
};

export const issuedTokenFor = (agent: AgentId): IssuedToken => ({
  agent,
  inc: 1,
  gen: 2,
  jti: 'jti-0001',
  token: 'agent.token.text',
  issued_at: AT,
  expires_at: AT,
});
