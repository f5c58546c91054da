/** What an agent may ask of its town, as itself. One method for each call; each names the scope that it takes. */
import { RpcTarget } from 'cloudflare:workers';
import type {
  AgentId,
  DelegationResult,
  DelegationView,
  DelegationWithText,
  EventBatch,
  EventBatchAnswer,
  Heartbeat,
  HeartbeatAnswer,
  MailId,
  MailPage,
  MailSent,
  NewMail,
  Peers,
  Scope,
} from '#protocol';
import { mapOk, ok, type Result } from '#lib/result.ts';
import type { Agent } from '../roster/agent.ts';
import { asAgent, type CallRefusal, type VerifiedCall } from './calls/authorize-call.ts';
import { handleEvents, handleHeartbeat, type TakenBatch } from './calls/handle-agent-report.ts';
import { listPeers } from './calls/list-peers.ts';
import {
  mintRecorded,
  recordExchange,
  revokeExchanged,
  type ExchangeOrder,
  type ExchangeRefusal,
  type IssuedForThirdParty,
} from './credentials/exchange-token.ts';
import { isActive, type PresentedToken } from './credentials/introspect-token.ts';
import { serveAgent } from './delivery/serve-agent.ts';
import { announceDue } from './ledger/announce.ts';
import { delegate, type DelegateRefusal, type DelegationCall } from './ledger/delegate.ts';
import { readDelegation } from './ledger/delegation-views.ts';
import { finishDelegation } from './ledger/finish-delegation.ts';
import { readMail, sendMail } from './ledger/send-mail.ts';
import type { TownPorts } from './ports.ts';
import { feedReaders } from './stream/feed-readers.ts';
import { keepShown } from './stream/shown-pieces.ts';
import type { Answered, TownGate } from './town-gate.ts';

type AgentAnswered<T, E = never> = Answered<T, E | CallRefusal>;

/**
 * The town, as one agent sees it: what `Town.agent` returns. To hold it is worth nothing by itself: each call is decided anew, on
 * the town's own rows, in the run of the gate that does its work (T11). Ids are drawn by the caller, so that a repeated call makes
 * one thing. Every result is plain data.
 */
export class AgentCalls extends RpcTarget {
  readonly #gate: TownGate;
  readonly #call: VerifiedCall;

  constructor(gate: TownGate, call: VerifiedCall) {
    super();
    this.#gate = gate;
    this.#call = call;
  }

  async heartbeat(beat: Heartbeat | null = null): AgentAnswered<HeartbeatAnswer> {
    return this.#run('heartbeat', (p, agent) => ok(handleHeartbeat(p, agent, beat)));
  }

  async reportEvents(batch: EventBatch): AgentAnswered<EventBatchAnswer> {
    const work = (p: TownPorts, agent: Agent): Result<TakenBatch, never> => ok(handleEvents(p, agent, batch));
    const done = await this.#run('events', work, (p, { deltas, shown }) => {
      keepShown(p, shown);
      feedReaders(p, deltas);
    });
    return mapOk(done, ({ answer }) => answer);
  }

  /** The other live agents of the town, with an id above `after`. */
  async listPeers(after: string, limit: number): AgentAnswered<Peers> {
    return this.#run('peers', (p, agent) => ok(listPeers(p, agent, after, limit)));
  }

  async sendMail(mail: NewMail & { readonly id: MailId }): AgentAnswered<MailSent, 'unknown_peer'> {
    return this.#run('mail', (p, agent) => sendMail(p, agent, mail));
  }

  /** `cursor`: everything up to there was read; null: nothing yet. */
  async readMail(cursor: number | null, limit: number): AgentAnswered<MailPage> {
    return this.#run('mail', (p, { id }) => ok(readMail(p, id, cursor, limit)));
  }

  async delegate(order: DelegationCall): AgentAnswered<DelegationView, DelegateRefusal> {
    const work = (p: TownPorts, agent: Agent) => delegate(p, agent, order);
    return this.#run('delegate', work, (p, { to }) => this.#serve(p, to));
  }

  async readDelegation(id: string): AgentAnswered<DelegationWithText, 'unknown_delegation'> {
    return this.#run('delegate', (p, agent) => readDelegation(p, agent, id));
  }

  async finishDelegation(
    id: string,
    result: DelegationResult,
  ): AgentAnswered<DelegationView, 'unknown_delegation' | 'delegation_over'> {
    const work = (p: TownPorts, agent: Agent) => finishDelegation(p, agent, id, result);
    return this.#run('delegate', work, (p) => announceDue(p).forEach((one) => this.#serve(p, one)));
  }

  /** A token for a third party. What is recorded is committed before it is minted. */
  async exchangeToken(order: ExchangeOrder): AgentAnswered<IssuedForThirdParty, ExchangeRefusal> {
    const recorded = await this.#run('exchange', (p, agent) => recordExchange(p, agent, this.#call, order));
    return recorded.ok ? ok(await mintRecorded(this.#gate.ports(), recorded.value)) : recorded;
  }

  /** Whether a token is accepted, and of an agent of this town; null stands for one that is none. */
  async introspectToken(token: PresentedToken | null): AgentAnswered<boolean> {
    return this.#run('exchange', (p) => ok(token !== null && isActive(p, token)));
  }

  /** A token for a third party that this agent got is over. One that it did not get is left as it is, and null is none. */
  async revokeToken(jti: string | null): AgentAnswered<null> {
    return this.#run('exchange', (p, agent) => ok(jti === null ? null : revokeExchanged(p, agent, jti)));
  }

  /** `then` follows where the work was done, outside of its transaction. */
  #run<T, E>(
    scope: Scope,
    work: (p: TownPorts, agent: Agent) => Result<T, E>,
    then: (p: TownPorts, done: T) => void = () => undefined,
  ): AgentAnswered<T, E> {
    return this.#gate.run((p) => {
      const done = asAgent(p, this.#call, scope, (agent) => work(p, agent));
      if (done.ok) then(p, done.value);
      return done;
    });
  }

  /** It has a message now. */
  #serve(p: TownPorts, agent: AgentId): void {
    this.#gate.meanwhile(p, 'serve', () => serveAgent(p, agent));
  }
}
