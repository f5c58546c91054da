/** Random orders of a town against a real control server, each answer compared with the model's. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { AgentId, IssuedToken } from '#protocol';
import { SECONDS } from '../../support/agent-scene.ts';
import { TestControlServer, message, type HeldSession } from '../../support/control-server.ts';
import { FakeTownApi } from '../../support/fake-town-api.ts';
import { agentId } from '../../../support/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import type { PrivateKey } from '../../../../src/tokens/key-set.ts';
import { signPush, type PushOrder } from '../../support/push.ts';
import { ControlServerModel } from './control-server-model.ts';
import { Processes } from './processes.ts';

/** Few agents and few incarnations, so that orders meet. */
export const AGENTS = [agentId(1), agentId(2), agentId(3)] as const;
export const anAgent = fc.constantFrom(...AGENTS);
const anInc = fc.integer({ min: 1, max: 3 });
/** Picks among what was minted, or sent, so far. */
const nth = fc.nat(40);

/**
 * `twin` pushes what two towns of one database could mint: the same generation, another token. `pull` lets all live agents fetch
 * theirs; `replay` sends a push again as it was.
 */
export type Order =
  | { readonly kind: 'mint' | 'stop' | 'retire'; readonly agent: AgentId; readonly inc: number }
  | { readonly kind: Bringing | 'pull' | 'replay'; readonly nth: number };
type Bringing = 'push' | 'batch' | 'deliver' | 'twin' | 'start';

/** What a town may send, in any order: old and new tokens, once and again. */
export const anOrder: fc.Arbitrary<Order> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mint' as const), agent: anAgent, inc: anInc }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('push', 'batch', 'deliver', 'twin'), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('start' as const), nth }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('stop', 'retire'), agent: anAgent, inc: anInc }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('pull', 'replay'), nth }) },
);

/** A fake town that remembers the last token of each agent, also of those that were pulled. */
class MintingTown extends FakeTownApi {
  readonly #latest = new Map<AgentId, IssuedToken>();

  override mint(...given: Parameters<FakeTownApi['mint']>): IssuedToken {
    const issued = super.mint(...given);
    this.#latest.set(issued.agent, issued);
    return issued;
  }

  latest(agent: AgentId): IssuedToken {
    const issued = this.#latest.get(agent);
    if (issued === undefined) throw new Error('nothing was minted for it');
    return issued;
  }
}

/** A control server, the town's memory of what it minted and sent, and the model beside them. */
export class ControlServerRun {
  readonly town: MintingTown;
  readonly #control: TestControlServer;
  readonly #session: HeldSession;
  readonly #model = new ControlServerModel();
  readonly #minted: IssuedToken[] = [];
  readonly #sent: { order: PushOrder; token: string }[] = [];
  #messages = 0;

  private constructor(control: TestControlServer, town: MintingTown, session: HeldSession) {
    this.#control = control;
    this.town = town;
    this.#session = session;
  }

  static async begin(key: PrivateKey): Promise<ControlServerRun> {
    const clock = new ManualClock();
    const town = new MintingTown(() => clock.nowMs());
    const control = await TestControlServer.make({ key, clock, town, spawn: new Processes().spawn });
    return new ControlServerRun(control, town, await control.session());
  }

  /** Sends one order, and fails the run where the control server answers otherwise than the model. */
  async perform(order: Order): Promise<void> {
    switch (order.kind) {
      case 'mint':
        return void this.#minted.push(this.town.mint(order.agent, order.inc));
      case 'stop':
      case 'retire': {
        const answer = await this.#send(`/agents/${order.agent}/${order.kind}`, { inc: order.inc });
        return expect(answer).toMatchObject(this.#model[order.kind](order.agent, order.inc));
      }
      case 'pull':
        return this.#pull();
      case 'replay':
        return this.#replay(order.nth);
      case 'start':
      case 'push':
      case 'batch':
      case 'deliver':
      case 'twin': {
        const issued = this.#minted[order.nth % Math.max(1, this.#minted.length)];
        if (issued !== undefined) await this.#bring(order.kind, issued);
      }
    }
  }

  /** Fails the run where control server and model differ in anything that can be seen. */
  async compare(): Promise<void> {
    const running = await this.#control.running(this.#session);
    const seen = running.map(({ agent, inc, gen }) => `${agent} ${inc} ${gen}`);
    const expected = [...this.#model.live].map(([agent, { inc, gen }]) => `${agent} ${inc} ${gen}`);
    expect(seen.toSorted()).toEqual(expected.toSorted());
    expect(this.#control.registry.size).toBe(this.#model.live.size);
  }

  async #bring(kind: Bringing, given: IssuedToken): Promise<void> {
    const issued = kind === 'twin' ? { ...given, jti: `${given.jti}-twin` } : given;
    const { agent, inc } = issued;
    if (kind === 'start') {
      const answer = await this.#send(`/agents/${agent}/start`, {
        inc,
        name: 'ada',
        role: 'worker',
        grant: issued,
        runtime: null,
      });
      expect(answer).toMatchObject(this.#model.start(issued));
      return this.#keepBusy(agent);
    }
    const expected = { agent, ...this.#model.swap(issued) };
    if (kind === 'batch') {
      expect(await this.#send('/agents/refresh-tokens', { grants: [issued] })).toEqual({ results: [expected] });
    } else if (kind === 'deliver') {
      expect(await this.#deliver(issued)).toMatchObject({ swap: expected });
      const taken = (await this.#control.running(this.#session)).flatMap(({ messages }) => messages);
      const takes = ['applied', 'current', 'stale'].includes(expected.outcome);
      expect(taken.some((one) => one.message === message(this.#messages, '').message)).toBe(takes);
    } else {
      expect(await this.#send(`/agents/${agent}/refresh-token`, { grant: issued })).toEqual(expected);
    }
  }

  /** A working agent sends heartbeats, and these are how the control server learns that it is to pull. */
  async #keepBusy(agent: AgentId): Promise<void> {
    const held = this.#model.live.get(agent);
    const issued = this.#minted.findLast((one) => one.agent === agent && one.inc === held?.inc && one.gen === held.gen);
    if (issued !== undefined) await this.#deliver(issued);
  }

  #deliver(issued: IssuedToken): Promise<unknown> {
    this.#messages += 1;
    const body = { inc: issued.inc, grant: issued, messages: [message(this.#messages, 'hello')] };
    return this.#send(`/agents/${issued.agent}/messages`, body);
  }

  /** The town says that all lag behind, and each live agent fetches what is minted for it. */
  async #pull(): Promise<void> {
    const before = this.town.count('/token');
    this.town.lagging = true;
    await this.#control.clock.advance(30 * SECONDS);
    this.town.lagging = false;
    expect(this.town.count('/token') - before).toBe(this.#model.live.size);
    for (const agent of this.#model.live.keys()) {
      const newest = this.town.latest(agent);
      this.#minted.push(newest);
      expect(this.#model.swap(newest).outcome).toBe('applied');
    }
  }

  async #replay(which: number): Promise<void> {
    const sent = this.#sent[which % Math.max(1, this.#sent.length)];
    if (sent !== undefined) expect((await this.#control.send(sent.order, sent.token)).status).toBe(401);
  }

  async #send(path: string, body: unknown): Promise<unknown> {
    const order = this.#control.order(this.#session, 'POST', path, body);
    const token = await signPush(this.#control.key, order);
    this.#sent.push({ order, token });
    const response = await this.#control.send(order, token);
    expect(response.status).not.toBe(500);
    return response.json();
  }
}
