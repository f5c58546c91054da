/** What agents ask of the town as themselves, beside heartbeats and turns: peers, mail, delegations. One door, one switch. */
import {
  fillPage,
  type AgentId,
  type DelegationId,
  type DelegationResult,
  type DelegationView,
  type DelegationWithText,
  type MailId,
  type MailPage,
  type MailSent,
  type NewDelegation,
  type NewMail,
  type Peers,
} from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Agent, Scope } from '../../roster/agent.ts';
import { announceDue } from '../ledger/announce.ts';
import { authorizeCall, type CallRefusal, type VerifiedCall } from './authorize-call.ts';
import { delegate, type DelegateRefusal } from '../ledger/delegate.ts';
import { delegationWithText } from '../ledger/delegation-views.ts';
import { finishDelegation } from '../ledger/finish-delegation.ts';
import type { TownPorts } from '../ports.ts';
import { readMail, sendMail } from '../ledger/send-mail.ts';

/** Ids are drawn by the caller, so that a repeated call makes one thing. */
export type AgentRequest =
  | { readonly kind: 'list_peers'; readonly after: string; readonly limit: number }
  | { readonly kind: 'send_mail'; readonly mail: NewMail & { readonly id: MailId } }
  | { readonly kind: 'read_mail'; readonly cursor: number | null; readonly limit: number }
  | { readonly kind: 'delegate'; readonly order: NewDelegation & { readonly id: DelegationId } }
  | { readonly kind: 'read_delegation'; readonly id: string }
  | { readonly kind: 'finish_delegation'; readonly id: string; readonly result: DelegationResult };

/** Each kind of request has its own kind of answer, with a schema in the protocol. */
export type AgentAnswer = Peers | MailSent | MailPage | DelegationView | DelegationWithText;

/** Why a call is refused, or what it asks for. */
export type RequestRefusal = CallRefusal | DelegateRefusal | 'unknown_delegation' | 'delegation_over';

const SCOPES: Readonly<Record<AgentRequest['kind'], Scope>> = {
  list_peers: 'peers',
  send_mail: 'mail',
  read_mail: 'mail',
  delegate: 'delegate',
  read_delegation: 'delegate',
  finish_delegation: 'delegate',
};

/** Answers one request. `serve` is called for each agent that has a message now. */
export function answerAgent(
  p: TownPorts,
  call: VerifiedCall,
  request: AgentRequest,
  serve: (agent: AgentId) => void,
): Result<AgentAnswer, RequestRefusal> {
  const authorized = authorizeCall(p, call, SCOPES[request.kind]);
  if (!authorized.ok) return err(authorized.code);
  const { agent } = authorized;
  let answered: Result<AgentAnswer, RequestRefusal>;
  switch (request.kind) {
    case 'list_peers':
      answered = ok(listPeers(p, agent, request.after, request.limit));
      break;
    case 'send_mail':
      answered = sendMail(p, agent, request.mail);
      break;
    case 'read_mail':
      answered = ok(readMail(p, agent.id, request.cursor, request.limit));
      break;
    case 'delegate': {
      const delegated = delegate(p, agent, request.order);
      if (delegated.ok) serve(delegated.value.to);
      answered = delegated;
      break;
    }
    case 'read_delegation':
      answered = readDelegation(p, agent, request.id);
      break;
    case 'finish_delegation':
      answered = finishDelegation(p, agent, request.id, request.result);
      if (answered.ok) announceDue(p).forEach(serve);
      break;
  }
  return answered;
}

/** The other live agents of the town. */
function listPeers(p: TownPorts, caller: Agent, after: string, limit: number): Peers {
  const others = p.agents.live().filter(({ id }) => id !== caller.id && id > after);
  const view = ({ id, name, role, state }: Agent): Peers['items'][number] => ({ id, name, role, state });
  return fillPage(others, limit, view, ({ id }) => id);
}

/** For the two agents that it concerns; to anybody else it is not there. */
function readDelegation(p: TownPorts, caller: Agent, id: string): Result<DelegationWithText, 'unknown_delegation'> {
  const found = p.delegations.get(id);
  if (found === null || (found.from !== caller.id && found.to !== caller.id)) return err('unknown_delegation');
  return ok(delegationWithText(found));
}
