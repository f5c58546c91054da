/** A town's tools as a small honest program: two agents, ada and bob, whose mail and delegations are kept in memory. */
import {
  fence,
  type AgentId,
  type DelegationId,
  type DelegationOrder,
  type DelegationResult,
  type DelegationWithText,
  type Notice,
} from '#protocol';
import type { ToolAnswer, TownTools } from '../../../container/clients/town-tools.ts';
import { agentId, delegationId, mailId } from '../../support/ids.ts';

const AT = '2030-01-01T12:00:00.000Z';
const NAMES: Readonly<Record<string, AgentId>> = { ada: agentId(1), bob: agentId(2) };
const drawMark = (): string => 'm'.repeat(20);

const ok = async <T>(value: T): Promise<ToolAnswer<T>> => ({ ok: true, value });
const no = async (error: string): Promise<{ ok: false; error: string }> => ({ ok: false, error });

export class FakeTools {
  readonly mail: { seq: number; from: AgentId; to: AgentId; text: string; isRead: boolean }[] = [];
  readonly delegations = new Map<DelegationId, DelegationWithText>();
  /** What every call is answered with from now on; null: by the town. */
  refusal: string | null = null;

  /** The tools of one agent. A page of anything holds one thing. */
  of(name: string): TownTools {
    const caller = NAMES[name] ?? agentId(9);
    const unless = <T>(work: () => Promise<ToolAnswer<T>>): Promise<ToolAnswer<T>> =>
      this.refusal === null ? work() : no(this.refusal);
    return {
      peers: (after) => unless(() => ok(this.#peers(caller, after))),
      sendMail: ({ to, text }) => unless(() => this.#send(caller, to, text)),
      readMail: (cursor) => unless(() => ok(this.#read(caller, Number(cursor ?? 0)))),
      delegate: (order) => unless(() => this.#delegate(caller, order)),
      readDelegation: (id) =>
        unless(() => {
          const found = this.delegations.get(id);
          return found === undefined ? no('not_found') : ok(found);
        }),
      finishDelegation: (id, result) => unless(() => this.#finish(caller, id, result)),
    };
  }

  /** The town's own message about these. */
  notice(notice: Notice['notice'], ...ids: readonly DelegationId[]): string {
    return JSON.stringify({
      notice,
      delegations: ids.map((id) => ({ id, state: this.delegations.get(id)?.state ?? 'open' })),
    });
  }

  #peers(caller: AgentId, after: string | null) {
    const others = Object.entries(NAMES).filter(([, id]) => id !== caller && id > (after ?? ''));
    const items = others.map(([name, id]) => ({ id, name, role: 'worker', state: 'idle' }));
    return { items: items.slice(0, 1), next: items.length > 1 ? (items[0]?.id ?? null) : null };
  }

  #send(from: AgentId, name: string, text: string) {
    const to = NAMES[name];
    if (to === undefined) return no('not_found');
    this.mail.push({ seq: this.mail.length + 1, from, to, text, isRead: false });
    return ok({ id: mailId(this.mail.length), to, sent_at: AT });
  }

  #read(caller: AgentId, cursor: number) {
    for (const one of this.mail) if (one.to === caller && one.seq <= cursor) one.isRead = true;
    const [first] = this.mail.filter(({ to, isRead }) => to === caller && !isRead);
    if (first === undefined) return { items: [], next: null };
    const id = mailId(first.seq);
    const items = [{ id, from: first.from, sent_at: AT, text: fence(first.text, drawMark) }];
    return { items, next: String(first.seq) };
  }

  #delegate(from: AgentId, { to: name, task, parent }: DelegationOrder) {
    const to = NAMES[name];
    if (to === undefined) return no('not_found');
    const id = delegationId(this.delegations.size + 1);
    const depth = parent === undefined ? 1 : (this.delegations.get(parent)?.depth ?? 0) + 1;
    const times = { created_at: AT, deadline_at: AT, finished_at: null, announced_at: null };
    const texts = { task: fence(task, drawMark), result: null };
    const made = { id, from, to, parent: parent ?? null, depth, state: 'open' as const, error: null };
    this.delegations.set(id, { ...made, ...times, ...texts });
    return ok({ ...made, ...times });
  }

  #finish(caller: AgentId, id: DelegationId, { state, text }: DelegationResult) {
    const found = this.delegations.get(id);
    if (found === undefined || found.to !== caller) return no('not_found');
    if (found.state !== 'open') return no('state_conflict');
    const finished: DelegationWithText = { ...found, state, finished_at: AT, result: fence(text, drawMark) };
    this.delegations.set(id, finished);
    return ok(finished);
  }
}
