/** One order of what may come over messages on their way, from the sender to the container and back, and what is done with it. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { InterruptAgent, MessageId, RunningAgents } from '../../../src/protocol/index.ts';
import { lab, nextTurn, type LabAnswer, type LabRequest } from './lab.ts';
import { MINUTE, cutOff, silence } from './passing.ts';
import { weather } from './weather.ts';
import { World } from './world.ts';

const NAMES = ['ada', 'bob'] as const;
type Name = (typeof NAMES)[number];

/** What senders and people ask for. */
const WISHES = ['send', 'send', 'send again', 'cancel', 'interrupt', 'stop', 'start', 'revoke', 'retire'] as const;
/**
 * The next request or report is lost before it arrives, or its answer is; or it is late: its sender takes it for lost; or it comes
 * twice. `slow answer`: whatever else is under way by then overtakes the next answer to a delivery that has a result.
 * `miss messages`: the next answer to a probe knows of no message; `meanwhile`: and what is asked for comes while it is written. `place`: the container is not reached until its agents live
 * elsewhere. `hang`: nothing that is sent to a container is answered, until it is said again. `block`: and no report passes, which
 * something on the way refuses.
 */
const FAULTS = [
  'lose delivery',
  'lose answer',
  'late delivery',
  'slow answer',
  'lose report',
  'lose receipt',
  'late report',
  'repeat report',
  'lose withdrawal',
  'lose confirmation',
  'late withdrawal',
  'lose stop',
  'miss messages',
  'stop meanwhile',
  'revoke meanwhile',
] as const;
const EVENTS = [
  'let in',
  'crash',
  'hello',
  'evict',
  'alarm',
  'alarm',
  'wait',
  'wait',
  'place',
  'hang',
  'block',
  'probe',
] as const;

const MISSING: readonly Fault[] = ['miss messages', 'stop meanwhile', 'revoke meanwhile'];

type Wish = (typeof WISHES)[number];
type Fault = (typeof FAULTS)[number];
type Event = (typeof EVENTS)[number];

export interface OutboxStep {
  readonly kind: Wish | Fault | Event;
  readonly name: Name;
  /** Which content, and how long. */
  readonly which: number;
  /** The next step does not wait for this one. */
  readonly hasty: boolean;
}

export const anOutboxStep: fc.Arbitrary<OutboxStep> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...WISHES) },
    { weight: 2, arbitrary: fc.constantFrom(...FAULTS) },
    { weight: 3, arbitrary: fc.constantFrom(...EVENTS) },
  ),
  name: fc.constantFrom(...NAMES),
  which: fc.nat(19),
  hasty: fc.boolean(),
});

/**
 * Of all that, what decides how answers, reports and probes meet: an answer that is lost and one that is slow, between turns that are
 * over and that no report tells of.
 */
const MEETINGS: readonly (readonly OutboxStep['kind'][])[] = [
  ['send'],
  ['lose answer', 'send'],
  ['late delivery', 'send'],
  ['slow answer', 'probe'],
  ['slow answer', 'alarm'],
  ['slow answer', 'send', 'stop', 'start'],
  ['stop', 'start'],
  ['let in'],
  ['cancel'],
  ['crash', 'hello'],
  ['evict'],
  ['block'],
];

/** Meetings of one agent, of which no report passes from the first on. The turns are short, so that they are over by then. */
export const someMeetings: fc.Arbitrary<OutboxStep[]> = fc
  .array(fc.tuple(fc.constantFrom(...MEETINGS), fc.constantFrom(0, 0, 1)), { minLength: 3, maxLength: 8, size: 'max' })
  .map((meetings) =>
    [[['block'], 0] as const, ...meetings].flatMap(([kinds, which]) =>
      kinds.map((kind, nth): OutboxStep => {
        // A person who stops or starts the agent does not wait for what is under way to it.
        const hasty = ['stop', 'start'].includes(kinds[nth + 1] ?? '');
        return { kind, name: NAMES[0], which, hasty };
      }),
    ),
  );

const CONTENTS = ['hello', 'work 1', 'work 2', 'fail', 'work 6'] as const;
/** Containers that there are: a second one for when the first is lost. */
const CONTAINERS = [0, 1] as const;
/** How often the event loop turns while an answer is slow: more often than all else that was under way needs. */
const SLOW_TURNS = 60;
/** What a firewall and a proxy answer a report that they do not let through. */
const REFUSALS = [403, 413] as const;
/** Longer than an agent at work is waited for. */
const SILENT_MS = 2 * MINUTE;
/** Longer than a container is waited for. */
const GIVEN_UP_MS = 12 * MINUTE;

const reset = (): never => {
  throw new TypeError('the connection was reset');
};

const isOneOf = <K extends string>(kinds: readonly K[], kind: string): kind is K => kinds.some((one) => one === kind);

export class OutboxRun {
  readonly #world: World;
  /** Faults that wait for their request. */
  readonly #faults: Fault[] = [];
  /** What is late, and may still come. */
  readonly #late: (() => Promise<unknown>)[] = [];
  /** What was accepted, as its senders know it. */
  readonly #accepted = new Set<MessageId>();
  /** Cancelled messages of which the container has said that it lets go of them, and how many turns had begun by then. */
  readonly #withdrawn = new Map<MessageId, number>();
  #isCutOff = false;
  /** Containers that hang. */
  readonly #hung = new Set<number>();
  /** What reports are refused with; null: they pass. */
  #blockedWith: (typeof REFUSALS)[number] | null = null;

  private constructor(world: World) {
    this.#world = world;
    for (const index of CONTAINERS) {
      const container = world.town.container(index);
      container.network = (request, send) => this.#order(index, request, send);
      container.outgoing = (path, send) => (path === '/v1/agent/events' ? this.#report(send) : send());
    }
  }

  static async create(): Promise<OutboxRun> {
    lab.heartbeatMs = MINUTE / 2;
    lab.containerAddresses = CONTAINERS.length;
    const world = await World.create();
    for (const name of NAMES) await world.create(name);
    return new OutboxRun(world);
  }

  /** Takes the steps; wherever they lead, the alarm comes to rest there. */
  async take(steps: readonly OutboxStep[]): Promise<void> {
    await this.#world.takeAll(steps, (step) => this.#step(step));
    await this.#world.rests();
  }

  /**
   * The weather is over: everything late arrives, and no agent is stopped any more. Then every message that was accepted is
   * over, once and in order, without a further call.
   */
  async end(): Promise<void> {
    this.#faults.length = 0;
    this.#hung.clear();
    this.#blockedWith = null;
    await this.#letIn();
    await this.#world.settled();
    const { agents } = await this.#world.snapshot();
    for (const { agent, credential } of agents) {
      const isBarred = agent.state === 'stopped' || credential.revokedAtMs !== null;
      if (isBarred) await this.#world.me.startAgent(agent.id);
    }
    const snapshot = await this.#world.calm();
    for (const { state } of snapshot.messages) expect(state, 'T12').toMatch(/^(done|failed|cancelled)$/);
    const kept = new Set(snapshot.messages.map(({ id }) => id));
    for (const id of this.#accepted) expect(kept, 'T12: what was accepted is there').toContain(id);
    this.#world.promises.messages(snapshot);
    for (const [message, before] of this.#withdrawn) {
      const later = lab.turns.slice(before).filter((turn) => turn.message === message);
      expect(later, 'what the container has let go of does not run').toEqual([]);
    }
  }

  async #step({ kind, name, which }: OutboxStep): Promise<void> {
    if (isOneOf(FAULTS, kind)) this.#faults.push(kind);
    else if (isOneOf(WISHES, kind)) await this.#wish(kind, name, which);
    else await this.#happen(kind, which);
  }

  async #wish(wish: Wish, name: Name, which: number): Promise<void> {
    const { me } = this.#world;
    switch (wish) {
      case 'send':
        await this.#send(name, CONTENTS[which % CONTENTS.length] ?? 'hello');
        return;
      case 'send again':
        await this.#record(name, 'again');
        return;
      case 'cancel':
        await me.cancelMessage(name, [...this.#accepted].at(-1 - which) ?? '');
        return;
      case 'interrupt':
        await me.interruptAgent(name);
        return;
      case 'stop':
        await me.stopAgent(name);
        return;
      case 'start':
        await me.startAgent(name);
        return;
      case 'revoke':
        await me.revokeAgent(name);
        return;
      case 'retire':
        await me.retireAgent(name);
        return;
    }
  }

  async #happen(event: Event, which: number): Promise<void> {
    const { container, stub } = this.#world;
    switch (event) {
      case 'let in':
        await this.#letIn();
        return;
      case 'crash':
        container.restart();
        weather.helloDue = true;
        return;
      case 'hello':
        await stub.hello();
        return;
      case 'evict':
        await this.#world.putDown();
        return;
      case 'alarm':
        await this.#ring();
        return;
      case 'wait':
        lab.clock.advance(1500 * which);
        return;
      case 'place':
        await this.#place();
        return;
      case 'hang':
        this.#hang(which % CONTAINERS.length);
        return;
      case 'block':
        this.#blockedWith = this.#blockedWith === null ? (REFUSALS[which % REFUSALS.length] ?? 403) : null;
        return;
      case 'probe':
        await this.#doubt();
        return;
    }
  }

  #send(name: Name, content: string): Promise<void> {
    this.#world.nextMessage();
    return this.#record(name, content);
  }

  async #record(name: Name, content: string): Promise<void> {
    this.#accepted.add((await this.#world.send(name, content)).id);
  }

  #hang(index: number): void {
    if (!this.#hung.delete(index)) this.#hung.add(index);
  }

  /** Nothing is heard of the agents for so long that their containers are asked who runs there. */
  async #doubt(): Promise<void> {
    const back = silence(...(await this.#world.snapshot()).agents.map(({ agent }) => agent.id));
    lab.clock.advance(SILENT_MS);
    await this.#ring();
    back();
  }

  /** Nothing is heard of the first container for so long that it is given up, and then it is back. */
  async #place(): Promise<void> {
    // One at a time: what is cut off twice would be brought back to how the second found it.
    if (this.#isCutOff) return;
    this.#isCutOff = true;
    const back = cutOff(this.#world.town);
    const until = lab.clock.now() + GIVEN_UP_MS;
    try {
      while (lab.clock.now() < until && (await this.#ring())) await this.#world.settled();
    } finally {
      back();
      this.#isCutOff = false;
    }
  }

  /** Lets the alarm ring that is set; returns whether one is. */
  async #ring(): Promise<boolean> {
    if ((await this.#world.town.alarmAt()) === null) return false;
    await this.#world.ring();
    return true;
  }

  async #letIn(): Promise<void> {
    for (const arrive of this.#late.splice(0)) await arrive().catch(() => undefined);
  }

  async #order(index: number, request: LabRequest, send: () => Promise<LabAnswer>): Promise<LabAnswer> {
    // As the deadline of the client ends it, without the real time that this takes.
    if (this.#hung.has(index)) throw new DOMException('no answer in time', 'TimeoutError');
    if (request.path.endsWith('/stop')) return this.#cross(['lose stop', 'lose stop', 'lose stop'], send);
    if (request.path === '/agents') return this.#probe(send);
    if (request.path.endsWith('/messages')) return this.#deliver(send);
    if (!request.path.endsWith('/interrupt')) return send();
    const answer = await this.#cross(['lose withdrawal', 'lose confirmation', 'late withdrawal'], send);
    const { message, withdraw } = JSON.parse(request.body) as InterruptAgent;
    if (answer.status === 200 && withdraw === true && message !== undefined) {
      this.#withdrawn.set(message, lab.turns.length);
    }
    return answer;
  }

  async #probe(send: () => Promise<LabAnswer>): Promise<LabAnswer> {
    const answer = await send();
    const fault = answer.status === 200 ? this.#taken(MISSING) : undefined;
    if (fault === undefined) return answer;
    const { agents } = JSON.parse(answer.body) as RunningAgents;
    for (const { agent } of agents) {
      // It does not get through at once, so that the agent is still the one that was seen.
      if (fault === 'stop meanwhile') this.#faults.push('lose stop');
      if (fault === 'stop meanwhile') await this.#world.me.stopAgent(agent).catch(() => undefined);
      if (fault === 'revoke meanwhile') await this.#world.me.revokeAgent(agent);
    }
    return { ...answer, body: JSON.stringify({ agents: agents.map((agent) => ({ ...agent, messages: [] })) }) };
  }

  async #deliver(send: () => Promise<LabAnswer>): Promise<LabAnswer> {
    const answer = await this.#cross(['lose delivery', 'lose answer', 'late delivery'], send);
    if (!answer.body.includes('"result"') || this.#taken(['slow answer']) === undefined) return answer;
    for (let turn = 0; turn < SLOW_TURNS; turn += 1) await nextTurn();
    return answer;
  }

  async #report(send: () => Promise<Response>): Promise<Response> {
    if (this.#blockedWith !== null) return new Response('<html>blocked</html>', { status: this.#blockedWith });
    if (this.#taken(['repeat report']) !== undefined) await send();
    return this.#cross(['lose report', 'lose receipt', 'late report'], send);
  }

  async #cross<T>(faults: readonly [Fault, Fault, Fault], send: () => Promise<T>): Promise<T> {
    const fault = this.#taken(faults);
    if (fault === undefined) return send();
    const [, after, late] = faults;
    if (fault === after) await send();
    else if (fault === late) this.#late.push(send);
    return reset();
  }

  /** The first of these that waits for its request, which this is. */
  #taken(faults: readonly Fault[]): Fault | undefined {
    const at = this.#faults.findIndex((fault) => faults.includes(fault));
    return at === -1 ? undefined : this.#faults.splice(at, 1)[0];
  }
}
