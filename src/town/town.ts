import { DurableObject } from 'cloudflare:workers';
import type * as wire from '#protocol';
import type { WatchedTown } from '../directory/directory-store.ts';
import type { EventPage } from '../events/event-store.ts';
import type { Ticket } from '../events/ticket-store.ts';
import { mapOk, ok } from '#lib/result.ts';
import { sendMessage, type NewMessage, type SendRefusal } from './agents/accept-message.ts';
import { AgentCalls } from './agent-calls.ts';
import type { VerifiedCall } from './calls/authorize-call.ts';
import * as permission from './delivery/answer-permission.ts';
import { ChatCalls } from './chat-calls.ts';
import { cancelMessage, type CancelRefusal } from './agents/cancel-message.ts';
import { changeAgent, type AgentChange, type ChangeRefusal } from './agents/change-agent.ts';
import { createAgent, type NewAgent } from './agents/create-agent.ts';
import { changeTown } from './change-town.ts';
import { listDelegations } from './ledger/delegation-views.ts';
import { TownGate, type Answered } from './town-gate.ts';
import { confirmEnd, isEndConfirmed, retireAgent, stopAgent } from './delivery/end-agent.ts';
import { forceRefresh } from './credentials/force-refresh.ts';
import { handleReaderFrame } from './stream/handle-reader-frame.ts';
import { HELLO_WAIT_MS, handleHello } from './containers/handle-hello.ts';
import { interruptAgent, type InterruptRefusal } from './delivery/interrupt-agent.ts';
import { addTicket, openStream } from './stream/open-stream.ts';
import type { TownWiring } from './ports.ts';
import { isActive, type PresentedToken } from './credentials/introspect-token.ts';
import { pullToken, type PullRefusal, type PullRequest } from './credentials/pull-token.ts';
import { revokeAgent } from './agents/revoke-agent.ts';
import * as read from './read-town.ts';
import { restoreTown } from './restore-town.ts';
import { serveAgent } from './delivery/serve-agent.ts';
import { requestStart } from './delivery/start-agent.ts';
import type { TownRecord } from './state/town-store.ts';
import { townPorts } from './town-ports.ts';
import { withdrawMessages } from './delivery/withdraw-messages.ts';

/** The Durable Object of one town: a table of contents. It wires and delegates; rules live in the verbs beside it. */
export class Town extends DurableObject {
  readonly #gate: TownGate;

  /** `wiring` null: misconfigured. `ports` joins it with the object's own storage. */
  constructor(ctx: DurableObjectState, env: object, wiring: TownWiring | null, ports = townPorts) {
    super(ctx, env);
    this.#gate = new TownGate(ctx, wiring === null ? null : ports(ctx, wiring));
  }

  /** Makes this town exist. Idempotent; one that was deleted before this came does not outlive it. */
  create(town: Pick<TownRecord, 'name' | 'owner'>): Promise<wire.TownView> {
    return this.#gate.create(town);
  }

  /** The directory has this town as overdue: finishes its creation, and sets its alarm for what is due. Runs nothing else. */
  watch(said: Pick<WatchedTown, 'name' | 'owner' | 'nextDueAtMs'>): Promise<void> {
    return this.#gate.watch(said);
  }

  /** Ends this town for good. `gone`: nothing of it is left; otherwise a container has yet to confirm. Idempotent. */
  async remove(): Promise<{ gone: boolean }> {
    return { gone: await this.#gate.remove() };
  }

  async describe(): Answered<wire.TownView> {
    return this.#gate.run((p) => ok(read.readTown(p)));
  }

  async change(change: wire.TownChange): Answered<wire.TownView> {
    return this.#gate.run((p) => {
      changeTown(p, change);
      return ok(read.readTown(p));
    });
  }

  /** Whether a token of one of its agents is accepted. */
  async introspect(token: PresentedToken): Answered<boolean> {
    return this.#gate.run((p) => ok(isActive(p, token)));
  }

  async health(): Answered<wire.TownHealth> {
    return this.#gate.run((p) => ok(read.readHealth(p)));
  }

  async restored(): Answered<wire.Restored> {
    return this.#gate.run(async (p) => ok(await restoreTown(p)));
  }

  async createAgent(agent: NewAgent): Answered<wire.AgentView, 'name_taken' | 'limit_exceeded'> {
    return this.#gate.run(async (p) => {
      const created = createAgent(p, agent);
      if (created.ok) await serveAgent(p, created.value.id);
      return mapOk(created, ({ id }) => read.readAgent(p, id));
    });
  }

  async listAgents(after: string, limit: number): Answered<wire.Page<wire.AgentView>> {
    return this.#gate.run((p) => ok(read.listAgents(p, after, limit)));
  }

  async getAgent(idOrName: string): Answered<wire.AgentView> {
    return this.#gate.with(idOrName, (p, agent) => read.readAgent(p, agent.id));
  }

  async changeAgent(idOrName: string, change: AgentChange): Answered<wire.AgentView, ChangeRefusal> {
    return this.#gate.run((p) => mapOk(changeAgent(p, idOrName, change), (id) => read.readAgent(p, id)));
  }

  /** Teardown; `confirmed` says that process and key are gone. */
  async retireAgent(idOrName: string): Answered<{ agent: wire.AgentView; confirmed: boolean }> {
    return this.#gate.with(idOrName, async (p, { id }) => {
      retireAgent(p, id);
      await confirmEnd(p, id);
      return { agent: read.readAgent(p, id), confirmed: isEndConfirmed(p, id) };
    });
  }

  async stopAgent(idOrName: string): Answered<wire.AgentView> {
    return this.#gate.with(idOrName, async (p, { id }) => {
      stopAgent(p, id);
      await confirmEnd(p, id);
      return read.readAgent(p, id);
    });
  }

  async startAgent(idOrName: string): Answered<wire.AgentView> {
    return this.#gate.with(idOrName, async (p, { id }) => {
      requestStart(p, id);
      await serveAgent(p, id);
      return read.readAgent(p, id);
    });
  }

  async revokeAgent(idOrName: string): Answered<wire.AgentView> {
    return this.#gate.with(idOrName, (p, { id }) => {
      revokeAgent(p, id);
      return read.readAgent(p, id);
    });
  }

  async refreshAgent(idOrName: string, revokeOlder: boolean): Answered<wire.SweepReportView> {
    return this.#gate.with(idOrName, (p, agent) => forceRefresh(p, [agent], revokeOlder));
  }

  async refreshTown(revokeOlder: boolean): Answered<wire.SweepReportView> {
    return this.#gate.run(async (p) => ok(await forceRefresh(p, p.agents.live(), revokeOlder)));
  }

  /** Accepts a message; it is delivered meanwhile or later. `sender` comes from the verified credential. */
  async sendMessage(idOrName: string, message: Omit<NewMessage, 'agent'>): Answered<wire.MessageView, SendRefusal> {
    return this.#gate.run((p) => {
      const sent = sendMessage(p, idOrName, message);
      if (sent.ok) this.#gate.meanwhile(p, 'serve', () => serveAgent(p, sent.value.agent));
      return sent;
    });
  }

  async cancelMessage(idOrName: string, message: string): Answered<wire.MessageView, CancelRefusal> {
    return this.#gate.run((p) => {
      const cancelled = cancelMessage(p, idOrName, message);
      if (cancelled.ok) this.#gate.meanwhile(p, 'withdraw', () => withdrawMessages(p, cancelled.value.agent));
      return cancelled;
    });
  }

  /** Ends the turn that the agent is in; it goes on with its next message. */
  async interruptAgent(idOrName: string): Answered<wire.AgentView, InterruptRefusal> {
    return this.#gate.run(async (p) => mapOk(await interruptAgent(p, idOrName), (id) => read.readAgent(p, id)));
  }

  async listMessages(idOrName: string, afterSeq: number, limit: number): Answered<wire.Page<wire.MessageView>> {
    return this.#gate.with(idOrName, (p, { id }) => read.listMessages(p, id, afterSeq, limit));
  }

  /** With `waitMs`: when the message is over, or after that time. */
  async getMessage(idOrName: string, message: string, waitMs = 0): Answered<wire.MessageView> {
    return this.#gate.run((p) => read.readMessage(p, idOrName, message, waitMs));
  }

  async listEvents(after: number, limit: number): Answered<EventPage> {
    return this.#gate.run((p) => ok(p.events.page(p.id, after, limit)));
  }

  async addTicket(ticket: Ticket): Answered<null, 'limit_exceeded'> {
    return this.#gate.run((p) => addTicket(p, ticket));
  }

  /** A reader of the stream: the one request that is no call, because a socket leaves by it. A refusal is its code, as text. */
  override async fetch(request: Request): Promise<Response> {
    const opened = await this.#gate.run((p) => openStream(p, request));
    return opened.ok ? opened.value : new Response(opened.error, { status: 403 });
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): void {
    handleReaderFrame(this.#gate.ports(), socket, frame);
  }

  override async webSocketClose(): Promise<void> {
    await this.#gate.run((p) => ok(p.readers.forget()));
  }

  override webSocketError(): Promise<void> {
    return this.webSocketClose();
  }

  /** The town, as the agent of this call sees it: called pipelined, in one round trip, and disposed of by the caller. */
  agent(call: VerifiedCall): AgentCalls {
    return new AgentCalls(this.#gate, call);
  }

  /** The town, as the door for chat frontends sees it: called pipelined too. */
  chat(): ChatCalls {
    return new ChatCalls(this.#gate);
  }

  async listPermissions(open: boolean, after: number, limit: number): Answered<wire.Page<wire.PermissionView>> {
    return this.#gate.run((p) => ok(read.listPermissions(p, open, after, limit)));
  }

  async getPermission(id: string): Answered<wire.PermissionView> {
    return this.#gate.run((p) => read.readPermission(p, id));
  }

  async answerPermission(
    id: string,
    choice: permission.PermissionChoice,
    person: string,
  ): Answered<wire.PermissionView, permission.AnswerRefusal> {
    return this.#gate.run(async (p) => {
      const answered = permission.answerPermission(p, id, choice, person);
      if (answered.ok)
        await this.#gate.briefly(p, 'answer', permission.ANSWER_WAIT_MS, permission.sendAnswers(p, answered.value));
      return answered.ok ? read.readPermission(p, id) : answered;
    });
  }

  async listDelegations(after: number, limit: number): Answered<wire.Page<wire.DelegationView>> {
    return this.#gate.run((p) => ok(listDelegations(p, after, limit)));
  }

  async pull(request: PullRequest): Answered<wire.IssuedToken, PullRefusal> {
    return this.#gate.run((p) => pullToken(p, request));
  }

  /** A control server came up somewhere: checks whether it is one of this town's containers. The caller waits briefly. */
  async hello(): Promise<void> {
    await this.#gate.run(async (p) => ok(await this.#gate.briefly(p, 'hello', HELLO_WAIT_MS, handleHello(p))));
  }

  override async alarm(): Promise<void> {
    return this.#gate.onAlarm();
  }
}
