import { DurableObject } from 'cloudflare:workers';
import type * as wire from '#protocol';
import type { WatchedTown } from '../directory/directory-store.ts';
import { ok } from '#lib/result.ts';
import { AgentCalls } from './agent-calls.ts';
import { recordExpired, type VerifiedCall } from './calls/authorize-call.ts';
import { ChatCalls } from './chat-calls.ts';
import { TownGate, type Answered } from './town-gate.ts';
import { handleReaderFrame } from './stream/handle-reader-frame.ts';
import { HELLO_WAIT_MS, handleHello } from './containers/handle-hello.ts';
import { openStream } from './stream/open-stream.ts';
import type { TownWiring } from './ports.ts';
import type { PersonCall } from './members/authorize-person.ts';
import { PersonCalls } from './person-calls.ts';
import { pullToken, type PullRefusal, type PullRequest } from './credentials/pull-token.ts';
import type { TownRecord } from './state/town-store.ts';
import { townPorts } from './town-ports.ts';
import { WebhookCalls } from './webhook-calls.ts';

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

  /** The same, as this person sees it. */
  person(call: PersonCall): PersonCalls {
    return new PersonCalls(this.#gate, call);
  }

  /** What the door for chat frontends asks for this person. */
  chat(call: PersonCall): ChatCalls {
    return new ChatCalls(this.#gate, call);
  }

  /** The webhooks of the town, for this person. */
  webhooks(call: PersonCall): WebhookCalls {
    return new WebhookCalls(this.#gate, call);
  }

  /** The edge refused a call of an agent whose token was good until it expired. */
  async refusedExpired(call: VerifiedCall): Promise<void> {
    await this.#gate.run((p) => ok(recordExpired(p, call)));
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
