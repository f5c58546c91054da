/** The Town as it is, with doors of its own for the harness. What is measured goes through the product's own way in. */
import { ROLES, makeId, type AgentId, type SwapResult } from '#protocol';
import { sideBySide } from '#lib/clock.ts';
import { randomBytes } from '#lib/secret.ts';
import type { Env } from '../../src/bindings.ts';
import type { Agent } from '../../src/roster/agent.ts';
import { acceptMessage } from '../../src/town/agents/accept-message.ts';
import { toIssuedToken } from '../../src/town/credentials/issue-token.ts';
import type { VerifiedCall } from '../../src/town/calls/authorize-call.ts';
import { serveAgent } from '../../src/town/delivery/serve-agent.ts';
import type { TownPorts } from '../../src/town/ports.ts';
import { CallRate } from '../../src/town/state/call-rate.ts';
import { townPorts } from '../../src/town/town-ports.ts';
import { Town as TownObject } from '../../src/town/town.ts';
import { wireTown } from '../../src/wiring.ts';

/** More than any benchmark asks for in a minute. */
const MANY = 1_000_000_000;
const HOUR_MS = 3_600_000;
const SENDER = 'user:dev';

export class Town extends TownObject {
  readonly #p: TownPorts;

  constructor(ctx: DurableObjectState, env: Env) {
    const wiring = wireTown(env);
    if (wiring === null) throw new Error('misconfigured');
    const settings = { ...wiring.settings, writesPerMinute: MANY };
    let made: TownPorts | null = null;
    super(ctx, env, { ...wiring, settings }, (state, wired) => {
      made = Object.assign(townPorts(state, wired), { calls: new CallRate(MANY) });
      return made;
    });
    if (made === null) throw new Error('a town has ports');
    this.#p = made;
  }

  /** Every token looks an hour old; the town has read its row, as it has by then with the agent's calls. */
  async age(): Promise<void> {
    this.ctx.storage.sql.exec('UPDATE agent_tokens SET issued_at_ms = issued_at_ms - ?', HOUR_MS);
    this.#p.tokens.forget();
    for (const { id } of this.#p.agents.inUse()) this.#p.tokens.get(id);
  }

  /** Generations that are confirmed, of all agents together. */
  async acked(): Promise<number> {
    return this.ctx.storage.sql.exec<{ n: number }>('SELECT SUM(acked) AS n FROM agent_tokens').one().n;
  }

  /** What the platform does when the alarm rings for the sweep. */
  sweep(): Promise<void> {
    this.#p.town.planSweep(this.#p.clock.now());
    return this.alarm();
  }

  /** One request for each agent at work, so many at a time, one row before it and one after: what a town without batches does. */
  async pushEach(lanes: number): Promise<void> {
    const p = this.#p;
    await sideBySide(lanes, p.agents.inUse(), async (agent) => {
      const swap = await this.#push(agent);
      if (swap.outcome !== 'applied') throw new Error(`not applied: ${swap.outcome}`);
    });
  }

  async #push(agent: Agent): Promise<SwapResult> {
    const p = this.#p;
    const now = p.clock.now();
    const gen = p.tokens.allocate(agent.id, agent.inc, 'sweep', now, null);
    const minted = await p.mint({ town: p.id, agent: agent.id, inc: agent.inc, gen, scopes: agent.scopes }, now);
    if (agent.session === null) throw new Error('it runs nowhere');
    const order = { agent: agent.id, body: { grant: toIssuedToken(minted) } };
    const answer = await p.link(agent.container).call('refreshOne', agent.session, order);
    if (answer.kind !== 'answered') throw new Error(`not answered: ${answer.kind}`);
    p.tokens.pushed(agent.id, { ...minted, gen }, answer.value.outcome, p.clock.now());
    return answer.value;
  }

  /** Signs as many tokens as a sweep does, and does nothing with them. */
  async sign(n: number): Promise<void> {
    const p = this.#p;
    const [agent] = p.agents.inUse();
    if (agent === undefined) throw new Error('no agent');
    const order = { town: p.id, agent: agent.id, inc: 1, gen: 1, scopes: agent.scopes };
    await Promise.all(Array.from({ length: n }, () => p.mint(order, p.clock.now())));
  }

  /** A message, as a person sends it; resolves when the container holds it. */
  async deliver(name: string): Promise<void> {
    const p = this.#p;
    const agent = this.#agent(name);
    const id = makeId('msg', randomBytes(20));
    const accepted = acceptMessage(p, { id, agent, content: 'hello', sender: SENDER });
    if (!accepted.ok) throw new Error(accepted.error);
    await serveAgent(p, agent.id);
    if (p.messages.get(id)?.state === 'queued') throw new Error('it was not delivered');
  }

  /** What verified calls of these agents say. */
  async claims(agents: readonly string[]): Promise<VerifiedCall[]> {
    const p = this.#p;
    const kid = p.settings.activeKid;
    return agents.map((name) => {
      const agent = this.#agent(name);
      const { acked } = p.tokens.get(agent.id);
      const iat = Math.floor(p.clock.now() / 1000);
      const who = { town: p.id, agent: agent.id, inc: agent.inc, gen: acked, scope: agent.scopes.join(' ') };
      const times = { iat, nbf: iat, exp: iat + 3600 };
      return { claims: { iss: '', aud: '', sub: '', client_id: agent.id, jti: '', ...who, ...times }, kid };
    });
  }

  /** A token of each, of the generation that the container holds. */
  tokens(agents: readonly string[]): Promise<string[]> {
    const p = this.#p;
    return Promise.all(
      agents.map(async (name) => {
        const { id, inc, scopes } = this.#agent(name);
        const order = { town: p.id, agent: id, inc, gen: p.tokens.get(id).acked, scopes };
        return (await p.mint(order, p.clock.now())).token.reveal();
      }),
    );
  }

  /** A long life: so many finished messages of these agents, with the ten events that each leaves. */
  async fill(agents: readonly string[], n: number): Promise<void> {
    const p = this.#p;
    p.transaction(() => {
      for (let at = 0; at < n; at += 1) {
        const agent = this.#agent(agents[at % agents.length] ?? '');
        this.#past(agent.id);
      }
    });
  }

  /** So many events, each in a step of its own; resolves to the number of the last one. */
  async happen(agents: readonly string[], n: number): Promise<number> {
    const p = this.#p;
    const { id } = this.#agent(agents[0] ?? '');
    const message = makeId('msg', randomBytes(20));
    for (let at = 0; at < n; at += 1) {
      p.transaction(() => p.events.append('reeve.message.accepted', id, { message, sender: SENDER }, p.clock.now()));
      await Promise.resolve();
    }
    return p.events.head();
  }

  /** So many agents that lived and were torn down, with their credentials. */
  async retire(n: number): Promise<void> {
    const p = this.#p;
    p.transaction(() => {
      for (let at = 0; at < n; at += 1) {
        const id = makeId('agt', randomBytes(20));
        const agent = { id, name: 'gone', role: 'worker', scopes: ROLES.worker, container: 0 } as const;
        p.agents.add({ ...agent, createdAtMs: p.clock.now() }, p.clock.now());
        p.tokens.add(id);
        p.agents.move(id, 'retired');
      }
    });
  }

  #past(agent: AgentId): void {
    const p = this.#p;
    const now = p.clock.now();
    const id = makeId('msg', randomBytes(20));
    const seq = p.queues.ofAgent(agent).lastSeq + 1;
    const row = {
      id,
      agent,
      seq,
      content: 'hello',
      sender: SENDER,
      idempotencyKey: null,
      traceparent: null,
      bytes: 7,
      createdAtMs: now,
    };
    p.messages.accept({ ...row, deliverAtMs: null });
    p.messages.finish(id, p.messages.get(id)?.attempt ?? 0, { state: 'failed', error: 'cancelled' }, now, null);
    for (let event = 0; event < 10; event += 1)
      p.events.append('reeve.message.accepted', agent, { message: id, sender: SENDER }, now);
  }

  #agent(name: string): Agent {
    const agent = this.#p.agents.find(name);
    if (agent === null) throw new Error(`no agent ${name}`);
    return agent;
  }
}
