/**
 * The town as the Worker sees it, a Durable Object, played by a small honest program: agents and messages in memory, every call
 * written down. The edge reaches it as it reaches a real one, so a test sees which town was touched, and with what. Each answer,
 * also one that a test gives in its place, passes the schema that the product declares for it: an answer that no town gives fails
 * the test.
 */
import { z } from 'zod';
import {
  agentSchema,
  delegationSchema,
  delegationWithTextSchema,
  eventBatchAnswerSchema,
  heartbeatAnswerSchema,
  issuedTokenSchema,
  mailPageSchema,
  mailSentSchema,
  messageSchema,
  peersSchema,
  townSchema,
  webhookSchema,
  webhookTestSchema,
  type AgentId,
  type AgentView,
  type IssuedToken,
  type MessageView,
  type TownId,
  type TownView,
  type WebhookId,
  type WebhookView,
} from '#protocol';
import type { AgentStub, ChatStub, Held, PersonStub, TownStub, WebhookStub } from '../../src/http/edge/edge.ts';
import type { VerifiedCall } from '../../src/town/calls/authorize-call.ts';
import type { PersonCall } from '../../src/town/members/authorize-person.ts';
import type { PullRequest } from '../../src/town/credentials/pull-token.ts';
import { AT, DELEGATION, err, ok, resultOf, type FakeTown, type Methods } from './fake-answers.ts';
import { FakePerson } from './fake-person.ts';
import { agentId, mailId, permissionId, webhookId } from './ids.ts';

export interface TownCall {
  readonly town: TownId;
  readonly method: string;
  readonly given: readonly unknown[];
}

const NOTHING = z.undefined();
/** How an agent stands. */
const standingSchema = z.object({
  name: z.string(),
  state: agentSchema.shape.state,
  isAtWork: z.boolean(),
  waiting: z.number(),
  questions: z.array(z.object({ id: z.string(), title: z.string() })),
  lastReply: z.string().nullable(),
});
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
/** The webhook of every such town. */
const WEBHOOK: WebhookView = {
  id: webhookId(1),
  url: 'https://hooks.example.com/reeve',
  description: '',
  events: ['reeve.turn.finished'],
  enabled: true,
  created_at: AT,
  previous_secret_until: null,
  posted_seq: 0,
  last_posted_at: null,
  failing_since: null,
  last_error: null,
  next_try_at: null,
  disabled: null,
};
export class FakeTownObject implements TownStub, FakeTown {
  readonly id: TownId;
  readonly calls: TownCall[];
  readonly agents = new Map<string, AgentView>();
  readonly messages: MessageView[] = [];
  becomes: Partial<MessageView> = {};
  /** Who asked, in order: the persons of the calls. */
  readonly askedBy: string[] = [];
  /** What `agent` and `person` gave out, and is not disposed of. */
  held = 0;
  /** Returns the next call in place of the method, or throws. */
  instead: (() => unknown) | null = null;

  constructor(id: TownId, calls: TownCall[]) {
    this.id = id;
    this.calls = calls;
  }

  create(given: { name: string; owner: string }) {
    return this.record('create', [given], townSchema, () => this.view(given.name));
  }
  /** Refuses: a socket cannot be made outside of workerd. */
  fetch(url: string, init: { headers: Record<string, string> }) {
    return this.record(
      'fetch',
      [url, init.headers],
      z.instanceof(Response),
      () => new Response('invalid_token', { status: 403 }),
    );
  }
  /** As the platform gives it: what is called on it is asked at once, and what it resolves to is held until it is disposed of. */
  agent(call: VerifiedCall): Held<AgentStub> {
    return Object.assign(this.#hold(), this.#asAgent(call));
  }
  chat({ person }: PersonCall): Held<ChatStub> {
    this.askedBy.push(person);
    return Object.assign(this.#hold(), this.#asChat());
  }
  person({ person }: PersonCall): Held<PersonStub> {
    this.askedBy.push(person);
    return new FakePerson(this, person, this.#hold());
  }
  webhooks({ person }: PersonCall): Held<WebhookStub> {
    this.askedBy.push(person);
    return Object.assign(this.#hold(), this.#asWebhooks());
  }
  /** Asked by a person; a test that lets the wait take its time stands before it. */
  getMessage(idOrName: string, id: string, waitMs = 0) {
    return this.record('getMessage', [idOrName, id, waitMs], resultOf(messageSchema), () => {
      const found = this.messages.find((message) => message.id === id);
      return found === undefined ? err('not_found') : ok(found);
    });
  }
  pull(request: PullRequest) {
    return this.record('pull', [request], resultOf(issuedTokenSchema), () => ok(issuedTokenFor(request.agent)));
  }
  refusedExpired(call: VerifiedCall) {
    return this.record('refusedExpired', [call], NOTHING, () => undefined);
  }
  watch(said: object) {
    return this.record('watch', [said], NOTHING, () => undefined);
  }
  remove() {
    return this.record('remove', [], z.object({ gone: z.boolean() }), () => ({ gone: true }));
  }
  hello() {
    return this.record('hello', [], NOTHING, () => undefined);
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

  #hold(): Promise<Disposable> {
    this.held += 1;
    return Promise.resolve({ [Symbol.dispose]: () => void (this.held -= 1) });
  }

  /** Each call is written down with the one that it is made by, and then what was asked. */
  #asAgent(call: VerifiedCall): AgentStub {
    return {
      heartbeat: (beat) =>
        this.record('heartbeat', [call, beat], resultOf(heartbeatAnswerSchema), () =>
          ok({ minted: 1, lagging: false }),
        ),
      reportEvents: (batch) =>
        this.record('reportEvents', [call, batch], resultOf(eventBatchAnswerSchema), () =>
          ok({ counter: batch.counter, repeated: false }),
        ),
      listPeers: (after, limit) =>
        this.record('listPeers', [call, after, limit], resultOf(peersSchema), () =>
          ok({ items: [{ id: agentId(2), name: 'bob', role: 'worker', state: 'idle' }], next: null }),
        ),
      sendMail: (mail) =>
        this.record('sendMail', [call, mail], resultOf(mailSentSchema), () =>
          ok({ id: mail.id, to: agentId(2), sent_at: AT }),
        ),
      readMail: (cursor, limit) =>
        this.record('readMail', [call, cursor, limit], resultOf(mailPageSchema), () =>
          ok({ items: [{ id: mailId(1), from: agentId(2), sent_at: AT, text: 'fenced' }], next: '1' }),
        ),
      delegate: (order) =>
        this.record('delegate', [call, order], resultOf(delegationSchema), () =>
          ok({ ...DELEGATION, id: order.id, from: call.claims.agent }),
        ),
      readDelegation: (id) =>
        this.record('readDelegation', [call, id], resultOf(delegationWithTextSchema), () =>
          ok({ ...DELEGATION, task: 'fenced', result: null }),
        ),
      finishDelegation: (id, result) =>
        this.record('finishDelegation', [call, id, result], resultOf(delegationSchema), () => ok(DELEGATION)),
      exchangeToken: (order) =>
        this.record(
          'exchangeToken',
          [call, order],
          resultOf(z.object({ token: z.string(), expiresIn: z.number() })),
          () => ok({ token: 'third.party.text', expiresIn: 3600 }),
        ),
      introspectToken: (token) => this.record('introspectToken', [call, token], resultOf(z.boolean()), () => ok(true)),
      revokeToken: (jti) => this.record('revokeToken', [call, jti], resultOf(z.null()), () => ok(null)),
    };
  }

  #asChat(): ChatStub {
    return {
      liveAgents: () =>
        this.record('liveAgents', [], resultOf(z.array(z.object({ name: z.string(), createdAtMs: z.number() }))), () =>
          ok([...this.agents.values()].map(({ name }) => ({ name, createdAtMs: Date.parse(AT) }))),
        ),
      answered: (digest, message) => this.record('answered', [digest, message], resultOf(z.null()), () => ok(null)),
      sideCall: (agent, call) =>
        this.record('sideCall', [agent, call], resultOf(z.null()), () => {
          const found = [...this.agents.values()].find(({ id, name }) => id === agent || name === agent);
          return found === undefined ? err('not_found') : ok(null);
        }),
      standing: (agent) =>
        this.record('standing', [agent], resultOf(standingSchema), () => {
          const found = [...this.agents.values()].find(({ id, name }) => id === agent || name === agent);
          if (found === undefined) return err('not_found');
          const { name, state } = found;
          const questions = [{ id: permissionId(1), title: 'Write a file' }];
          return ok({ name, state, isAtWork: state === 'working', waiting: 0, questions, lastReply: 'good morning' });
        }),
      followTurn: (message, place, waitMs) =>
        this.record('followTurn', [message, place, waitMs], resultOf(progressSchema), () => {
          const found = this.messages.find(({ id }) => id === message);
          if (found === undefined) return err('not_found');
          const { state, reply, truncated, error } = found;
          const isOver = ['done', 'failed', 'cancelled'].includes(state);
          return ok({ state, agent: 'idle', pieces: [], place, end: isOver ? { reply, truncated, error } : null });
        }),
    };
  }

  #asWebhooks(): WebhookStub {
    const one = (id: string): WebhookView => ({ ...WEBHOOK, id: id as WebhookId });
    const shape = resultOf(webhookSchema);
    const shown = (id: string) => (id === WEBHOOK.id ? ok(WEBHOOK) : err('not_found' as const));
    return {
      list: () =>
        this.record('webhooks.list', [], resultOf(z.object({ items: z.array(webhookSchema) })), () =>
          ok({ items: [WEBHOOK] }),
        ),
      get: (id) => this.record('webhooks.get', [id], shape, () => shown(id)),
      add: (order) => this.record('webhooks.add', [order], shape, () => ok(one(order.id))),
      change: (id, to) => this.record('webhooks.change', [id, to], shape, () => shown(id)),
      rotate: (id, secret) => this.record('webhooks.rotate', [id, secret], shape, () => shown(id)),
      remove: (id) => this.record('webhooks.remove', [id], shape, () => shown(id)),
      test: (id) =>
        this.record('webhooks.test', [id], resultOf(webhookTestSchema), () => ok({ taken: true, error: null })),
    };
  }

  async record<M extends keyof Methods>(
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

  view(name: string): TownView {
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
}

export const issuedTokenFor = (agent: AgentId): IssuedToken => ({
  agent,
  inc: 1,
  gen: 2,
  jti: 'jti-0001',
  token: 'agent.token.text',
  issued_at: AT,
  expires_at: AT,
});
