/** One town that is taken through bad weather: the world around it goes on until it is quiet. */
import { env, runInDurableObject } from 'cloudflare:test';
import {
  makeId,
  ROLES,
  type AgentId,
  type AgentView,
  type MessageId,
  type MessageView,
  type TownId,
} from '../../../src/protocol/index.ts';
import type { PersonStub } from '../../../src/http/edge/edge.ts';
import { Directory } from '../../../src/directory/directory-store.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import type { Result } from '../../../src/lib/result.ts';
import { planAlarm } from '../../../src/town/state/alarm-plan.ts';
import type { Town } from '../../../src/town/town.ts';
import { asMember } from './as-member.ts';
import { lab, type LabContainer } from './lab.ts';
import { describe, isQuiet, isUnfinished, takeOutlook, takeSnapshot, type Outlook, type Snapshot } from './snapshot.ts';
import { Promises } from './promises.ts';
import { TestTown, startLab } from './town.ts';
import { DEATH, expose } from './cuts.ts';
import { weather } from './weather.ts';

/** The person of the development token. */
const OWNER = 'dev';
/** One step of the clock while agents work (ms): the step in which the agents of the lab work. */
const STEP_MS = 1000;
/** Steps after which what is not yet over waits for something that is due later. */
const PATIENCE = 6;
/** Steps within which an agent of a calm town is in its turn. */
const MOST_STEPS_TO_WORK = 12;
const MOST_STEPS = 80;
/** Runs of the alarm at about one moment after which nothing more is due at that moment. */
const MOST_RUNS_TO_REST = 10;
/** What is due within this (ms) is due at once: the shortest wait that the product plans is longer. */
const AT_ONCE_MS = 1000;
/** How often a resting town is woken by its next alarm, to rest again. */
const RESTS = 6;
/** Far more than any deadline of the lab, in real milliseconds. */
const REAL_PATIENCE_MS = 60_000;
/** The platform rings an alarm that failed again after this (ms). */
const ALARM_RETRY_MS = 2000;

export class World {
  readonly town: TestTown;
  readonly promises: Promises;
  /** For the one agent that a test may ask to make twice. */
  readonly agentId: AgentId = newAgentId();
  #message = newMessageId();

  private constructor(id: TownId) {
    this.town = new TestTown(id);
    this.promises = new Promises(this.container);
    expose(this.container, id);
  }

  /** A town as its person makes it, without the way through the edge. */
  static async create(): Promise<World> {
    startLab();
    weather.clear();
    const id = makeId('town', randomBytes(20));
    const world = new World(id);
    const town = { name: 'storm', owner: OWNER };
    await new Directory(env.DIRECTORY).create({ ...town, id, createdAtMs: lab.clock.now() });
    await world.stub.create(town);
    return world;
  }

  get stub(): DurableObjectStub<Town> {
    return env.TOWN.getByName(this.town.id);
  }

  get container(): LabContainer {
    return this.town.container();
  }

  /** As its person. */
  get me(): PersonStub {
    return asMember(this.town.id, OWNER);
  }

  outlook(): Promise<Outlook> {
    return takeOutlook(this.stub);
  }

  snapshot(): Promise<Snapshot> {
    return takeSnapshot(this.stub);
  }

  async create(name: string, id = newAgentId()): Promise<AgentView> {
    return value(await this.me.createAgent({ id, name, role: 'worker', scopes: ROLES.worker, runtime: null }));
  }

  /** The same message again, until `nextMessage`: a sender who was not answered asks again. */
  async send(name: string, content: string): Promise<MessageView> {
    return value(await this.me.sendMessage(name, { id: this.#message, content }));
  }

  nextMessage(): void {
    this.#message = newMessageId();
  }

  /** Goes to just after the town's sweep, so that the next one is almost a whole interval away whatever the town's phase. */
  async afterSweep(): Promise<void> {
    const { sweepAt, now } = await this.outlook();
    if (sweepAt > now) lab.clock.advance(sweepAt + STEP_MS - now);
  }

  /** Sends a long turn to each, and waits until they are in it. */
  async work(names: readonly string[], seconds: number): Promise<void> {
    for (const name of names) {
      this.nextMessage();
      await this.send(name, `work ${seconds}`);
    }
    this.nextMessage();
    for (let step = 0; step < MOST_STEPS_TO_WORK; step += 1) {
      await this.settled();
      const { messages } = await this.outlook();
      if (messages.filter(({ state }) => state === 'working').length === names.length) return;
      lab.clock.advance(STEP_MS / 2);
    }
    throw new Error(`the agents do not begin: ${describe(await this.outlook())}`);
  }

  /** Goes to the next sweep and lets its alarm ring. */
  async ringSweep(): Promise<void> {
    const { due, now } = await this.outlook();
    lab.clock.advance(Math.max(0, (due.sweep ?? 0) - now));
    await this.ring();
  }

  /** Rings the alarm. One that dies is rung again by the platform, unless another was set before. */
  async ring(): Promise<void> {
    try {
      await this.town.ring();
    } catch {
      await runInDurableObject(this.stub, async (_, { storage }) => {
        if ((await storage.getAlarm()) === null) await storage.setAlarm(lab.clock.now() + ALARM_RETRY_MS);
      });
    }
  }

  /** The platform takes the object away, whatever it is at. */
  async putDown(): Promise<void> {
    await runInDurableObject(this.stub, (_, state) => state.abort(DEATH)).catch(() => undefined);
    weather.isDown(this.town.id);
  }

  /** Nothing is under way any more: whatever was sent has come to its end, or never will. */
  settled(): Promise<void> {
    let quiet = 0;
    return this.until(() => (quiet = weather.busy ? 0 : quiet + 1) > 2);
  }

  /** Lets run what runs, in real time, until something is so. */
  async until(isSo: () => boolean): Promise<void> {
    const end = performance.now() + REAL_PATIENCE_MS;
    while (!isSo()) {
      if (performance.now() > end) throw new Error(`what is under way does not end: ${weather.describe()}`);
      await lab.turn();
    }
  }

  /** Takes steps in order; a hasty one is not waited for. What must hold at every moment is held wherever all is quiet. */
  async takeAll<S extends { readonly hasty: boolean }>(
    steps: readonly S[],
    take: (step: S) => Promise<unknown>,
  ): Promise<void> {
    let underWay: Promise<unknown>[] = [];
    for (const [at, step] of steps.entries()) {
      // What the platform breaks off rejects: its caller got no answer, and nothing is promised of it.
      underWay.push(take(step).catch(() => undefined));
      if (step.hasty && at < steps.length - 1) continue;
      await Promise.all(underWay);
      underWay = [];
      await this.settled();
      this.promises.always(await this.outlook());
    }
  }

  /** Lets the world go on until nothing is left to do but the next sweep. What must hold at every moment is held on the way. */
  async calm(): Promise<Snapshot> {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      await this.settled();
      const outlook = await this.outlook();
      this.promises.always(outlook);
      if (isQuiet(outlook) && !weather.helloDue) return this.snapshot();
      await this.#goOn(outlook, step);
    }
    throw new Error(`the town does not come to rest: ${describe(await this.outlook())}`);
  }

  /**
   * Whatever the weather is, and without its end: the alarm comes to rest. After a few runs everything that is due lies ahead, or
   * nothing is due; and so it is again each time that it has rung.
   */
  async rests(): Promise<void> {
    for (let rest = 0; rest < RESTS; rest += 1) {
      let outlook = await this.#settledOutlook();
      for (let run = 0; isDueAtOnce(outlook); run += 1) {
        if (run === MOST_RUNS_TO_REST) throw new Error(`the alarm does not come to rest: ${describe(outlook)}`);
        await this.ring();
        outlook = await this.#settledOutlook();
      }
      if (outlook.alarm === null) return;
      await this.ring();
    }
  }

  async #settledOutlook(): Promise<Outlook> {
    await this.settled();
    const outlook = await this.outlook();
    this.promises.always(outlook);
    return outlook;
  }

  /** The weather is over: everything that was promised holds. */
  async hold(): Promise<void> {
    await this.promises.quiet(await this.calm());
  }

  async #goOn({ alarm, now, messages }: Outlook, step: number): Promise<void> {
    if (weather.helloDue) {
      weather.helloDue = false;
      await this.stub.hello().catch(() => undefined);
      return;
    }
    const soon = alarm !== null && alarm <= now + STEP_MS;
    const works = messages.some(isUnfinished);
    if (alarm !== null && (soon || !works || step > PATIENCE)) await this.ring();
    else lab.clock.advance(STEP_MS);
  }
}

const isDueAtOnce = ({ due, now }: Outlook): boolean =>
  (planAlarm(due, now) ?? Number.POSITIVE_INFINITY) < now + AT_ONCE_MS;

const newAgentId = (): AgentId => makeId('agt', randomBytes(20));
const newMessageId = (): MessageId => makeId('msg', randomBytes(20));

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
