/** One order of events that people, containers, networks and the platform may bring over a town, and what is done with it. */
import * as fc from 'fast-check';
import type { OpenSession } from '../../../src/protocol/index.ts';
import { lab, type LabAnswer, type LabRequest } from './lab.ts';
import { api } from './town.ts';
import { weather } from './weather.ts';
import { World } from './world.ts';

const NAMES = ['ada', 'bob', 'cyd'] as const;

/** Just inside the window in which a client refreshes ahead (ms after the token was issued). */
const NEAR_EXPIRY_MS = 10_600_000;

/** What people ask for, and what happens to a town by itself. */
const WISHES = ['send', 'force', 'force and cut', 'force all', 'stop', 'start', 'retire', 'revoke'] as const;
const EVENTS = [
  'delay',
  'late',
  'repeat',
  'pull',
  'lost pull',
  'evict',
  'restart',
  'sleep',
  'ring',
  'wait',
  'hang',
] as const;

type Wish = (typeof WISHES)[number];
type Event = (typeof EVENTS)[number];

interface TownStep {
  readonly kind: Wish | Event;
  readonly name: (typeof NAMES)[number];
  /** Which of the requests that were seen, where one is repeated. */
  readonly which: number;
  /** The next step does not wait for this one. */
  readonly hasty: boolean;
}

export const someNames = fc.constantFrom(NAMES.slice(0, 1), NAMES.slice(0, 2), NAMES.slice(0, 3));

export const aTownStep: fc.Arbitrary<TownStep> = fc.record({
  kind: fc.constantFrom(...WISHES, ...EVENTS),
  name: fc.constantFrom(...NAMES),
  which: fc.nat(99),
  hasty: fc.boolean(),
});

const isWish = (kind: Wish | Event): kind is Wish => WISHES.some((wish) => wish === kind);

/** A request that does something to an agent, whose loss the town notices. */
const isOrder = ({ path }: LabRequest): boolean => path.startsWith('/agents/');

const GATEWAY_TIMEOUT: LabAnswer = { status: 504, headers: {}, body: '' };

export class TownRun {
  readonly #world: World;
  readonly #names: readonly string[];
  /** Requests that the network holds; their senders take them for lost. */
  readonly #held: LabRequest[] = [];
  #holds = 0;
  /** Nothing that is sent to the container is answered, until it is said again. */
  #hangs = false;

  private constructor(world: World, names: readonly string[]) {
    this.#world = world;
    this.#names = names;
    // As the deadline of the client ends it, without the real time that this takes.
    const { network } = world.container;
    world.container.network = (request, send) =>
      this.#hangs ? Promise.reject(new DOMException('no answer in time', 'TimeoutError')) : network(request, send);
    world.container.before = (request) => {
      if (this.#holds === 0 || !isOrder(request)) return null;
      this.#holds -= 1;
      this.#held.push(request);
      return GATEWAY_TIMEOUT;
    };
  }

  /** A town with these agents, just after its sweep. */
  static async create(names: readonly string[]): Promise<TownRun> {
    const world = await World.create();
    await world.afterSweep();
    for (const name of names) await world.create(name);
    return new TownRun(world, names);
  }

  /** Takes the steps; wherever they lead, the alarm comes to rest there. */
  async take(steps: readonly TownStep[]): Promise<void> {
    await this.#world.takeAll(steps, (step) => this.#step(step));
    await this.#world.rests();
  }

  /**
   * The network lets everything through again, what it holds first, and every agent gets a message: nothing else tells a
   * town that a container was put to sleep. Then all that was promised holds.
   */
  async end(): Promise<void> {
    this.#holds = 0;
    this.#hangs = false;
    await this.#world.settled();
    for (const request of this.#held) await this.#world.container.ask(request);
    // Of one that is revoked nothing is heard until a person starts it.
    for (const { agent, credential } of (await this.#world.snapshot()).agents) {
      if (credential.revokedAtMs !== null) await this.#world.me.startAgent(agent.id);
    }
    for (const name of this.#names) {
      this.#world.nextMessage();
      await this.#world.send(name, 'hello').catch(() => undefined);
    }
    await this.#world.hold();
  }

  #step({ kind, name, which }: TownStep): Promise<void> {
    return isWish(kind) ? this.#wish(kind, name, which) : this.#happen(kind, name, which);
  }

  async #wish(wish: Wish, name: string, which: number): Promise<void> {
    const { me } = this.#world;
    switch (wish) {
      case 'send':
        this.#world.nextMessage();
        await this.#world.send(name, `work ${1 + (which % 3)}`);
        return;
      case 'force':
      case 'force and cut':
        await me.refreshAgent(name, wish === 'force and cut');
        return;
      case 'force all':
        await me.refreshTown(false);
        return;
      case 'stop':
        await me.stopAgent(name);
        return;
      case 'start':
        await this.#start(name);
        return;
      case 'retire':
        await me.retireAgent(name);
        return;
      case 'revoke':
        await me.revokeAgent(name);
        return;
    }
  }

  async #happen(event: Event, name: string, which: number): Promise<void> {
    const { container } = this.#world;
    switch (event) {
      case 'delay':
        this.#holds += 1;
        return;
      case 'hang':
        this.#hangs = !this.#hangs;
        return;
      case 'late':
        await this.#again(this.#held.shift());
        return;
      case 'repeat': {
        const orders = container.requests.filter(isOrder);
        await this.#again(orders.at(-1 - (which % Math.max(1, orders.length))));
        return;
      }
      case 'pull':
        lab.clock.advance(NEAR_EXPIRY_MS);
        return;
      case 'lost pull':
        await this.#pull(name);
        return;
      case 'evict':
        await this.#world.putDown();
        return;
      case 'restart':
        container.restart();
        weather.helloDue = true;
        return;
      case 'sleep':
        container.sleep();
        return;
      case 'ring':
        await this.#world.ring();
        return;
      case 'wait':
        lab.clock.advance(1000 * (which % 40));
        return;
    }
  }

  /** The same request once more, byte for byte. */
  async #again(request: LabRequest | undefined): Promise<unknown> {
    return request === undefined ? null : this.#world.container.ask(request);
  }

  /** A name that was retired is given to another agent. */
  async #start(name: string): Promise<unknown> {
    if (!this.#names.includes(name)) return null;
    const started = await this.#world.me.startAgent(name);
    return started.ok ? started : this.#world.create(name);
  }

  /** The container asks, and the answer is lost. */
  async #pull(name: string): Promise<unknown> {
    const { container, me } = this.#world;
    const opening = container.requests.findLast(({ path }) => path === '/session');
    const agent = await me.getAgent(name);
    if (opening === undefined || !agent.ok) return null;
    const { session, secret } = JSON.parse(opening.body) as OpenSession;
    const { id, incarnation } = agent.value;
    const path = `/v1/container/${container.name}/agents/${id}/token`;
    return api('POST', path, { session, inc: incarnation, gen: 0 }, secret);
  }
}
