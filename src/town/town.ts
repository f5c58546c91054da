/** The Durable Object of one town: a table of contents. It constructs, wires and delegates; rules live in the verbs beside it. */
import { DurableObject } from 'cloudflare:workers';
import type { DelegationView, EventBatch, EventBatchAnswer, Grant, Heartbeat, HeartbeatAnswer, Page } from '#protocol';
import type { WatchedTown } from '../directory/directory-store.ts';
import type { EventPage } from '../events/event-store.ts';
import type { Ticket } from '../events/ticket-store.ts';
import { systemClock } from '#lib/clock.ts';
import { isMigrated, migrate } from '#lib/migrate.ts';
import { mapOk, ok, type Result } from '#lib/result.ts';
import { sendMessage, type NewMessage, type SendRefusal } from './agents/accept-message.ts';
import { answerAgent, type AgentAnswer, type AgentRequest, type RequestRefusal } from './calls/agent-requests.ts';
import { GUARD_MS } from './state/alarm-plan.ts';
import { asAgent, type CallRefusal, type VerifiedCall } from './calls/authorize-call.ts';
import { cancelMessage, type CancelRefusal } from './agents/cancel-message.ts';
import { changeAgent, type AgentChange, type ChangeRefusal } from './agents/change-agent.ts';
import { createAgent, type NewAgent } from './agents/create-agent.ts';
import { createTown } from './create-town.ts';
import { listDelegations } from './ledger/delegation-views.ts';
import { Entrance, type Missing } from './entrance.ts';
import { confirmEnd, isEndConfirmed, retireAgent, stopAgent } from './delivery/end-agent.ts';
import { forceRefresh } from './credentials/force-refresh.ts';
import { hearEvents, hearHeartbeat } from './calls/hear-agent.ts';
import { hearReader } from './stream/hear-reader.ts';
import type { Health } from './views/health.ts';
import { HELLO_WAIT_MS, hearHello } from './containers/hear-hello.ts';
import { interruptAgent, type InterruptRefusal } from './delivery/interrupt-agent.ts';
import { addTicket, openStream } from './stream/open-stream.ts';
import type { TownPorts, TownWiring } from './ports.ts';
import { pullToken, type PullRefusal, type PullRequest } from './credentials/pull-token.ts';
import { revokeAgent } from './agents/revoke-agent.ts';
import { listAgents, listMessages, readAgent, readHealth, readMessage, readTown } from './read-town.ts';
import { restoreTown } from './restore-town.ts';
import { TOWN_SCHEMA } from './state/schema.ts';
import { serveAgent } from './delivery/serve-agent.ts';
import { requestStart } from './delivery/start-agent.ts';
import type { SweepReport } from './state/sweep-store.ts';
import type { TownRecord } from './state/town-store.ts';
import { townPorts } from './town-ports.ts';
import type { AgentView, MessageView, TownView } from './views/views.ts';
import { withdrawMessages } from './delivery/withdraw-messages.ts';

export class Town extends DurableObject {
  readonly #ports: TownPorts | null;
  readonly #door: Entrance;

  /** `wiring` null: misconfigured. `ports` joins it with the object's own storage. */
  constructor(ctx: DurableObjectState, env: object, wiring: TownWiring | null, ports = townPorts) {
    super(ctx, env);
    if (isMigrated(ctx.storage.sql)) migrate(ctx.storage, TOWN_SCHEMA);
    this.#ports = wiring === null ? null : ports(ctx, wiring);
    this.#door = new Entrance(ctx, this.#ports);
  }

  /** Makes this town exist. Idempotent; one that was deleted before this came does not outlive it. */
  async create(town: Pick<TownRecord, 'name' | 'owner'>): Promise<TownView> {
    const p = this.#door.ports();
    migrate(this.ctx.storage, TOWN_SCHEMA);
    createTown(p, town);
    const made = readTown(p);
    await this.#door.leave(p);
    // A deletion marks the directory first: one that is not seen here comes to this object after its rows are there.
    if ((await p.directory.holds()) === false) await this.remove();
    return made;
  }

  /** The directory has this town as overdue: finishes its creation, and sets its alarm for what is due. Runs nothing else. */
  async watch(said: Pick<WatchedTown, 'name' | 'owner' | 'nextDueAtMs'>): Promise<void> {
    const p = this.#door.ports();
    // It may have been deleted since its entry was read.
    if (!this.#door.exists(p) && (await p.directory.holds()) !== true) return;
    if (!this.#door.exists(p)) await this.create(said);
    await this.#door.in((to) => ok(to.town.told(said.nextDueAtMs)));
  }

  /** Ends this town for good. `gone`: nothing of it is left; otherwise a container has yet to confirm. Idempotent. */
  async remove(): Promise<{ gone: boolean }> {
    return { gone: await this.#door.remove() };
  }

  async describe(): Promise<Result<TownView, Missing>> {
    return this.#door.in((p) => ok(readTown(p)));
  }

  async health(): Promise<Result<Health, Missing>> {
    return this.#door.in((p) => ok(readHealth(p)));
  }

  /** The database was put back to an earlier state. */
  async restored(): Promise<Result<{ containers: number; renewed: number }, Missing>> {
    return this.#door.in(async (p) => ok(await restoreTown(p)));
  }

  async createAgent(agent: NewAgent): Promise<Result<AgentView, 'name_taken' | 'limit_exceeded' | Missing>> {
    return this.#door.in(async (p) => {
      const created = createAgent(p, agent);
      if (created.ok) await serveAgent(p, created.value.id);
      return mapOk(created, ({ id }) => readAgent(p, id));
    });
  }

  async listAgents(after: string, limit: number): Promise<Result<Page<AgentView>, Missing>> {
    return this.#door.in((p) => ok(listAgents(p, after, limit)));
  }

  async getAgent(idOrName: string): Promise<Result<AgentView, Missing>> {
    return this.#door.with(idOrName, (p, agent) => readAgent(p, agent.id));
  }

  async changeAgent(idOrName: string, change: AgentChange): Promise<Result<AgentView, Missing | ChangeRefusal>> {
    return this.#door.in((p) => mapOk(changeAgent(p, idOrName, change), (id) => readAgent(p, id)));
  }

  /** Teardown; `confirmed` says that process and key are gone. */
  async retireAgent(idOrName: string): Promise<Result<{ agent: AgentView; confirmed: boolean }, Missing>> {
    return this.#door.with(idOrName, async (p, { id }) => {
      retireAgent(p, id);
      await confirmEnd(p, id);
      return { agent: readAgent(p, id), confirmed: isEndConfirmed(p, id) };
    });
  }

  async stopAgent(idOrName: string): Promise<Result<AgentView, Missing>> {
    return this.#door.with(idOrName, async (p, { id }) => {
      stopAgent(p, id);
      await confirmEnd(p, id);
      return readAgent(p, id);
    });
  }

  async startAgent(idOrName: string): Promise<Result<AgentView, Missing>> {
    return this.#door.with(idOrName, async (p, { id }) => {
      requestStart(p, id);
      await serveAgent(p, id);
      return readAgent(p, id);
    });
  }

  async revokeAgent(idOrName: string): Promise<Result<AgentView, Missing>> {
    return this.#door.with(idOrName, (p, { id }) => {
      revokeAgent(p, id);
      return readAgent(p, id);
    });
  }

  async refreshAgent(idOrName: string, revokeOlder: boolean): Promise<Result<SweepReport, Missing>> {
    return this.#door.with(idOrName, (p, agent) => forceRefresh(p, [agent], revokeOlder));
  }

  async refreshTown(revokeOlder: boolean): Promise<Result<SweepReport, Missing>> {
    return this.#door.in(async (p) => ok(await forceRefresh(p, p.agents.live(), revokeOlder)));
  }

  /** Accepts a message; it is delivered meanwhile or later. `sender` comes from the verified credential. */
  async sendMessage(idOrName: string, message: Omit<NewMessage, 'agent'>): Promise<Result<MessageView, SendRefusal>> {
    return this.#door.in((p) => {
      const sent = sendMessage(p, idOrName, message);
      if (sent.ok) this.#door.meanwhile(p, 'serve', () => serveAgent(p, sent.value.agent));
      return sent;
    });
  }

  /** Ends a message that is still queued. */
  async cancelMessage(idOrName: string, message: string): Promise<Result<MessageView, CancelRefusal>> {
    return this.#door.in((p) => {
      const cancelled = cancelMessage(p, idOrName, message);
      if (cancelled.ok) this.#door.meanwhile(p, 'withdraw', () => withdrawMessages(p, cancelled.value.agent));
      return cancelled;
    });
  }

  /** Ends the turn that the agent is in; it goes on with its next message. */
  async interruptAgent(idOrName: string): Promise<Result<AgentView, InterruptRefusal>> {
    return this.#door.in(async (p) => mapOk(await interruptAgent(p, idOrName), (id) => readAgent(p, id)));
  }

  async listMessages(idOrName: string, afterSeq: number, limit: number): Promise<Result<Page<MessageView>, Missing>> {
    return this.#door.with(idOrName, (p, { id }) => listMessages(p, id, afterSeq, limit));
  }

  /** With `waitMs`: when the message is over, or after that time. */
  async getMessage(idOrName: string, message: string, waitMs = 0): Promise<Result<MessageView, Missing>> {
    return this.#door.in((p) => readMessage(p, idOrName, message, waitMs));
  }

  async listEvents(after: number, limit: number): Promise<Result<EventPage, Missing>> {
    return this.#door.in((p) => ok(p.events.page(p.id, after, limit)));
  }

  async addTicket(ticket: Ticket): Promise<Result<null, 'limit_exceeded' | Missing>> {
    return this.#door.in((p) => addTicket(p, ticket));
  }

  /** A reader of the stream: the one request that is no call, because a socket leaves by it. A refusal is its code, as text. */
  override async fetch(request: Request): Promise<Response> {
    const opened = await this.#door.in((p) => openStream(p, request));
    return opened.ok ? opened.value : new Response(opened.error, { status: 403 });
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
    hearReader(this.#door.ports(), socket, frame);
  }

  override async webSocketClose(): Promise<void> {
    await this.#door.in((p) => ok(p.readers.forget()));
  }

  override webSocketError(): Promise<void> {
    return this.webSocketClose();
  }

  async heartbeat(
    call: VerifiedCall,
    beat: Heartbeat | null = null,
  ): Promise<Result<HeartbeatAnswer, CallRefusal | Missing>> {
    return this.#door.in((p) => asAgent(p, call, 'heartbeat', (agent) => hearHeartbeat(p, agent, beat)));
  }

  async reportEvents(call: VerifiedCall, batch: EventBatch): Promise<Result<EventBatchAnswer, CallRefusal | Missing>> {
    return this.#door.in((p) => asAgent(p, call, 'events', (agent) => hearEvents(p, agent, batch)));
  }

  /** What an agent asks for as itself: peers, mail, delegations. */
  async callAsAgent(call: VerifiedCall, request: AgentRequest): Promise<Result<AgentAnswer, RequestRefusal | Missing>> {
    return this.#door.in((p) => {
      return answerAgent(p, call, request, (id) => this.#door.meanwhile(p, 'serve', () => serveAgent(p, id)));
    });
  }

  async listDelegations(after: number, limit: number): Promise<Result<Page<DelegationView>, Missing>> {
    return this.#door.in((p) => ok(listDelegations(p, after, limit)));
  }

  async pull(request: PullRequest): Promise<Result<Grant, PullRefusal | Missing>> {
    return this.#door.in((p) => pullToken(p, request));
  }

  /** A control server came up somewhere: looks whether one of this town's containers is meant. Whoever says so waits briefly. */
  async hello(): Promise<void> {
    await this.#door.in(async (p) => ok(await this.#door.briefly(p, 'hello', HELLO_WAIT_MS, hearHello(p))));
  }

  override async alarm(): Promise<void> {
    if (this.#ports === null) return this.ctx.storage.setAlarm(systemClock.now() + GUARD_MS);
    return this.#door.ring();
  }
}
