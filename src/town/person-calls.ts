/** What a person may ask of a town. One method for each call; each names the scope that it takes, which is one of a role too. */
import { RpcTarget } from 'cloudflare:workers';
import type * as wire from '#protocol';
import type { EventPage } from '../events/event-store.ts';
import type { Ticket } from '../events/ticket-store.ts';
import { err, mapOk, ok } from '#lib/result.ts';
import { sendMessage, type NewMessage, type SendRefusal } from './agents/accept-message.ts';
import { cancelMessage, type CancelRefusal } from './agents/cancel-message.ts';
import { changeAgent, type AgentChange, type ChangeRefusal } from './agents/change-agent.ts';
import { createAgent, type NewAgent } from './agents/create-agent.ts';
import { revokeAgent } from './agents/revoke-agent.ts';
import { changeTown } from './change-town.ts';
import { forceRefresh } from './credentials/force-refresh.ts';
import { isActive, type PresentedToken } from './credentials/introspect-token.ts';
import * as permission from './delivery/answer-permission.ts';
import { confirmEnd, isEndConfirmed, retireAgent, stopAgent } from './delivery/end-agent.ts';
import { interruptAgent, type InterruptRefusal } from './delivery/interrupt-agent.ts';
import { serveAgent, startNow } from './delivery/serve-agent.ts';
import { withdrawMessages } from './delivery/withdraw-messages.ts';
import { senderOf, type PersonCall } from './members/authorize-person.ts';
import { putMember, removeMember, type MemberOrder } from './members/change-members.ts';
import { PUBLISH_WAIT_MS, publishMembers } from './members/publish-members.ts';
import type { TownPorts } from './ports.ts';
import * as read from './read-town.ts';
import { beginRestore, restoreTown, type RestoreRefusal, type RestoreTarget } from './restore-town.ts';
import { runIsolated } from './alarm/run-due.ts';
import { addTicket } from './stream/open-stream.ts';
import { PersonGate, type PersonAnswered } from './person-gate.ts';
import type { TownGate } from './town-gate.ts';
import { memberView } from './views/views.ts';

/**
 * The town, as one person sees it: what `Town.person` returns. To hold it is worth nothing by itself: each call is decided anew, on
 * the town's own rows, in the run of the gate that does its work (T11). Every result is plain data.
 */
export class PersonCalls extends RpcTarget {
  readonly #gate: TownGate;
  readonly #as: PersonGate;

  constructor(gate: TownGate, call: PersonCall) {
    super();
    this.#gate = gate;
    this.#as = new PersonGate(gate, call);
  }

  async describe(): PersonAnswered<wire.TownView> {
    return this.#as.run('read', (p) => ok(read.readTown(p)));
  }

  async change(change: wire.TownChange): PersonAnswered<wire.TownView> {
    return this.#as.run('admin', (p) => ok(changeTown(p, change)));
  }

  /** Whether a token of one of the town's agents is accepted. */
  async introspect(token: PresentedToken): PersonAnswered<boolean> {
    return this.#as.run('read', (p) => ok(isActive(p, token)));
  }

  async health(): PersonAnswered<wire.TownHealth> {
    return this.#as.run('read', (p) => ok(read.readHealth(p)));
  }

  async listContainers(): PersonAnswered<{ items: wire.ContainerView[] }> {
    return this.#as.run('read', (p) => ok(read.listContainers(p)));
  }

  /** Puts the database back to an earlier state, in which the next start of the object finds it. */
  async restore(target: RestoreTarget): PersonAnswered<wire.RestoreBegun, RestoreRefusal> {
    return this.#as.run('admin', (p) => beginRestore(p, target));
  }

  /** The database was put back to an earlier state by other means. */
  async restored(): PersonAnswered<wire.Restored> {
    return this.#as.run('admin', async (p) => ok(await restoreTown(p)));
  }

  /** Ends the town for good, the directory first: whatever dies from there on, no caller finds it, and the watchdog finishes it. */
  async deleteTown(): PersonAnswered<{ gone: boolean }, 'unavailable'> {
    const marked = await this.#as.run('admin', async (p) =>
      (await p.directory.markDeleted(p.clock.now())) ? ok(null) : err('unavailable' as const),
    );
    return marked.ok ? ok({ gone: await this.#gate.remove() }) : marked;
  }

  async listMembers(after: string, limit: number): PersonAnswered<wire.Page<wire.MemberView>> {
    return this.#as.run('read', (p) => ok(read.listMembers(p, after, limit)));
  }

  /** `isNew`: they were no member before. */
  async putMember(
    order: MemberOrder,
  ): PersonAnswered<{ member: wire.MemberView; isNew: boolean }, 'limit_exceeded' | 'last_owner'> {
    return this.#as.run('admin', async (p, by) => {
      const put = putMember(p, by, order);
      if (put.ok) await this.#publish(p);
      return mapOk(put, ({ member, isNew }) => ({ member: memberView(member), isNew }));
    });
  }

  /** An owner ends any membership; everyone else their own. */
  async removeMember(person: string): PersonAnswered<wire.MemberView, 'last_owner'> {
    return this.#as.run('read', async (p, by) => {
      const removed = removeMember(p, by, person);
      if (removed.ok) await this.#publish(p);
      return mapOk(removed, memberView);
    });
  }

  async createAgent(agent: NewAgent): PersonAnswered<wire.AgentView, 'name_taken' | 'limit_exceeded'> {
    return this.#as.run('admin', async (p) => {
      const created = createAgent(p, agent);
      if (created.ok) await serveAgent(p, created.value.id);
      return mapOk(created, ({ id }) => read.readAgent(p, id));
    });
  }

  async listAgents(after: string, limit: number): PersonAnswered<wire.Page<wire.AgentView>> {
    return this.#as.run('read', (p) => ok(read.listAgents(p, after, limit)));
  }

  async getAgent(idOrName: string): PersonAnswered<wire.AgentView> {
    return this.#as.with('read', idOrName, (p, agent) => read.readAgent(p, agent.id));
  }

  async getCredential(idOrName: string): PersonAnswered<wire.CredentialView> {
    return this.#as.with('read', idOrName, (p, { id }) => read.readCredential(p, id));
  }

  async changeAgent(idOrName: string, change: AgentChange): PersonAnswered<wire.AgentView, ChangeRefusal> {
    return this.#as.run('admin', (p) => mapOk(changeAgent(p, idOrName, change), (id) => read.readAgent(p, id)));
  }

  /** Teardown; `confirmed` says that process and key are gone. */
  async retireAgent(idOrName: string): PersonAnswered<{ agent: wire.AgentView; confirmed: boolean }> {
    return this.#as.with('admin', idOrName, async (p, { id }) => {
      retireAgent(p, id);
      await confirmEnd(p, id);
      return { agent: read.readAgent(p, id), confirmed: isEndConfirmed(p, id) };
    });
  }

  async stopAgent(idOrName: string): PersonAnswered<wire.AgentView> {
    return this.#as.with('admin', idOrName, async (p, { id }) => {
      stopAgent(p, id);
      await confirmEnd(p, id);
      return read.readAgent(p, id);
    });
  }

  async startAgent(idOrName: string): PersonAnswered<wire.AgentView> {
    return this.#as.with('admin', idOrName, async (p, { id }) => {
      await startNow(p, id);
      return read.readAgent(p, id);
    });
  }

  async revokeAgent(idOrName: string): PersonAnswered<wire.AgentView> {
    return this.#as.with('admin', idOrName, (p, { id }) => {
      revokeAgent(p, id);
      return read.readAgent(p, id);
    });
  }

  async refreshAgent(idOrName: string, revokeOlder: boolean): PersonAnswered<wire.SweepReportView> {
    return this.#as.with('admin', idOrName, (p, agent) => forceRefresh(p, [agent], revokeOlder));
  }

  async refreshTown(revokeOlder: boolean): PersonAnswered<wire.SweepReportView> {
    return this.#as.run('admin', async (p) => ok(await forceRefresh(p, p.agents.live(), revokeOlder)));
  }

  /** Accepts a message; it is delivered meanwhile or later. */
  async sendMessage(
    idOrName: string,
    message: Omit<NewMessage, 'agent' | 'sender'>,
  ): PersonAnswered<wire.MessageView, SendRefusal> {
    return this.#as.run('chat', (p, by) => {
      const sent = sendMessage(p, idOrName, { ...message, sender: senderOf(by) });
      if (sent.ok) this.#gate.meanwhile(p, 'serve', () => serveAgent(p, sent.value.agent));
      return sent;
    });
  }

  /** Ends a message that is still queued. */
  async cancelMessage(idOrName: string, message: string): PersonAnswered<wire.MessageView, CancelRefusal> {
    return this.#as.run('chat', (p) => {
      const cancelled = cancelMessage(p, idOrName, message);
      if (cancelled.ok) this.#gate.meanwhile(p, 'withdraw', () => withdrawMessages(p, cancelled.value.agent));
      return cancelled;
    });
  }

  /** Ends the turn that the agent is in; it goes on with its next message. */
  async interruptAgent(idOrName: string): PersonAnswered<wire.AgentView, InterruptRefusal> {
    return this.#as.run('chat', async (p) => mapOk(await interruptAgent(p, idOrName), (id) => read.readAgent(p, id)));
  }

  async listMessages(idOrName: string, query: read.MessageQuery): PersonAnswered<wire.Page<wire.MessageView>> {
    return this.#as.with('read', idOrName, (p, { id }) => read.listMessages(p, id, query));
  }

  /** With `waitMs`: when the message is over, or after that time; shown to one who is a member then. */
  async getMessage(idOrName: string, message: string, waitMs = 0): PersonAnswered<wire.MessageView> {
    const shown = (ms: number) => this.#as.run('read', (p) => read.readMessage(p, idOrName, message, ms));
    const waited = await shown(waitMs);
    return waited.ok && waitMs > 0 ? shown(0) : waited;
  }

  async listEvents(after: number, limit: number): PersonAnswered<EventPage> {
    return this.#as.run('read', (p) => ok(p.events.page(p.id, after, limit)));
  }

  /** A ticket for the one who asks. */
  async addTicket(ticket: Omit<Ticket, 'person'>): PersonAnswered<null, 'limit_exceeded'> {
    return this.#as.run('read', (p, { person }) => addTicket(p, { ...ticket, person }));
  }

  /** With `open` only what is not over. */
  async listPermissions(open: boolean, after: number, limit: number): PersonAnswered<wire.Page<wire.PermissionView>> {
    return this.#as.run('read', (p) => ok(read.listPermissions(p, open, after, limit)));
  }

  async getPermission(id: string): PersonAnswered<wire.PermissionView> {
    return this.#as.run('read', (p) => read.readPermission(p, id));
  }

  async answerPermission(
    id: string,
    choice: permission.PermissionChoice,
  ): PersonAnswered<wire.PermissionView, permission.AnswerRefusal> {
    return this.#as.run('chat', async (p, by) => {
      const answered = permission.answerPermission(p, id, choice, senderOf(by));
      if (answered.ok)
        await this.#gate.briefly(p, 'answer', permission.ANSWER_WAIT_MS, permission.sendAnswers(p, answered.value));
      return answered.ok ? read.readPermission(p, id) : answered;
    });
  }

  async listDelegations(after: number, limit: number): PersonAnswered<wire.Page<wire.DelegationView>> {
    return this.#as.run('read', (p) => ok(read.listDelegations(p, after, limit)));
  }

  /** The directory has the members before the answer, where it can be reached soon. */
  #publish(p: TownPorts): Promise<void> {
    const published = runIsolated(p, 'members', () => publishMembers(p));
    return this.#gate.briefly(p, 'members', PUBLISH_WAIT_MS, published);
  }
}
