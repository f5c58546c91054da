import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgentView, EventType, EventView, MessageView } from '#protocol';
import { Storm } from './support/storm.ts';

const NAMES = ['ada', 'bob', 'cyd', 'dan', 'eve'] as const;
const MESSAGES_EACH = 40;
/** So many are sent before the storm, and the others in it. */
const SENT_BEFORE = 20;
/** In the midst of them a turn that takes a while (s), so that there is a turn to die in. */
const LONG = { at: 5, content: 'work 3' };

const contents = Array.from({ length: MESSAGES_EACH }, (_, at) => (at === LONG.at ? LONG.content : `hello ${at}`));
const replyTo = (content: string): string => (content === LONG.content ? 'worked 3 s' : `You said: ${content}`);

let storm: Storm;

beforeAll(async () => {
  storm = await Storm.start();
});

afterAll(() => storm.stop());

/** One town in one storm. */
class Scene {
  readonly town: string;
  readonly agents: readonly AgentView[];
  /** Resolves to the ids that were answered, by agent, when everything is accepted. */
  readonly #sent: Promise<string[][]>;
  /** Never resolves; rejects where a message is refused, so that no test waits for it. */
  readonly #refused: Promise<never>;
  readonly #storm = Promise.withResolvers<void>();

  private constructor(town: string, agents: readonly AgentView[]) {
    this.town = town;
    this.agents = agents;
    this.#sent = Promise.all(NAMES.map((name) => this.#sendAll(name)));
    this.#refused = this.#sent.then(() => new Promise<never>(() => {}));
  }

  /** Messages begin to flow to five agents. */
  static async begin(): Promise<Scene> {
    const town = await storm.api.createTown('storm');
    return new Scene(town, await Promise.all(NAMES.map((name) => storm.api.createAgent(town, name))));
  }

  /** From here on the other half is sent. */
  goOn(): void {
    this.#storm.resolve();
  }

  /** Resolves when an agent is in its long turn, and says which one. */
  inTurn(): Promise<number> {
    const inTurn = storm.eventually('a long turn', async () => {
      const all = await Promise.all(NAMES.map((name) => storm.api.readMessages(this.town, name)));
      const nth = all.findIndex((own) => own[LONG.at]?.state === 'working');
      return nth === -1 ? null : nth;
    });
    return Promise.race([inTurn, this.#refused]);
  }

  /** Lets `strike` happen when the container has taken the nth delivery from now on, and its answer is on the way. Resolves then. */
  inDelivery(nth: number, strike: () => Promise<unknown>): Promise<void> {
    return new Promise((resolve, reject) => {
      let deliveries = 0;
      storm.toControl.beforeAnswer = async ({ path }) => {
        if (!path.endsWith('/messages')) return;
        deliveries += 1;
        if (deliveries === nth) await strike().then(() => resolve(), reject);
      };
    });
  }

  /** Everything that was accepted is done, with its own reply, once each: nothing was lost, nothing was made twice. */
  async done(): Promise<MessageView[][]> {
    const sent = await this.#sent;
    const found = await storm.eventually('all 200 being done', async () => {
      const all = await Promise.all(NAMES.map((name) => storm.api.readMessages(this.town, name)));
      return all.flat().every(({ state }) => state === 'done' || state === 'failed') ? all : null;
    });
    for (const [nth, messages] of found.entries()) {
      expect(messages.map(({ id }) => id)).toEqual(sent[nth]);
      expect(messages.map(({ seq }) => seq)).toEqual(contents.map((_, at) => at + 1));
      expect(messages.map(({ reply }) => reply)).toEqual(contents.map(replyTo));
    }
    return found;
  }

  /** K-08: per agent in order, and no message twice within an incarnation: by the word of the container, and by the town's events. */
  async inOrder(messages: readonly MessageView[][]): Promise<EventView[]> {
    const events = await storm.api.readEvents(this.town);
    const runs = storm.runs();
    for (const [nth, { id }] of this.agents.entries()) {
      const seqOf = new Map<string, number>(messages[nth]?.map(({ id: message, seq }) => [message, seq]));
      const finished = of(events, id, 'reeve.turn.finished').map(({ data }) => seqOf.get(data.message));
      expect(finished).toEqual(contents.map((_, at) => at + 1));
      const own = runs.filter(({ agent }) => agent === id);
      expect(own.length).toBeGreaterThanOrEqual(MESSAGES_EACH);
      for (const [, run] of Map.groupBy(own, ({ inc }) => inc)) {
        const seqs = run.map(({ message }) => seqOf.get(message) ?? 0);
        expect(seqs).toEqual([...new Set(seqs)].toSorted((one, other) => one - other));
      }
    }
    return events;
  }

  /** Of the long turn of one agent. */
  storyOf(nth: number, messages: readonly MessageView[][]): Promise<string[]> {
    return storm.api.readStory(this.town, this.agents[nth]?.id ?? '', messages[nth]?.[LONG.at]?.id ?? '');
  }

  async #sendAll(name: string): Promise<string[]> {
    const ids: string[] = [];
    for (const content of contents) {
      if (ids.length === SENT_BEFORE) await this.#storm.promise;
      ids.push(await storm.send(this.town, name, content));
    }
    return ids;
  }
}

const of = <T extends EventType>(events: readonly EventView[], agent: string, type: T) =>
  events.filter((event): event is Extract<EventView, { type: T }> => event.subject === agent && event.type === type);

/** What the events tell of the lives of an agent, and of the message that it was at. */
const LIFE = ['reeve.agent.gone', 'reeve.agent.starting', 'reeve.agent.started'] as const;
type Life = Extract<EventView, { type: (typeof LIFE)[number] }>;
const isLife = (event: EventView): event is Life => LIFE.some((type) => type === event.type);
const livesOf = (events: readonly EventView[], agent: string): string[] =>
  events
    .filter(({ subject }) => subject === agent)
    .filter(isLife)
    .map(({ type, data }) => `${type.replace('reeve.agent.', '')} ${data.incarnation}`);

/** The story of a turn that was cut: begun, lost with its agent, begun again by the next incarnation, and finished once. */
const RETOLD = [
  'turn.started',
  'agent.gone',
  'message.queued_again',
  'agent.starting',
  'agent.started',
  'turn.started',
  'turn.finished',
];

describe.runIf(process.platform === 'linux')('200 messages to five agents', () => {
  it('K-08: the control server dies in mid-turn: all are done, in order, and none twice within an incarnation', async () => {
    const scene = await Scene.begin();
    const cut = await scene.inTurn();
    scene.goOn();
    await storm.crashControlServer();
    const messages = await scene.done();
    const events = await scene.inOrder(messages);
    for (const { id } of scene.agents) {
      expect(livesOf(events, id)).toEqual(['started 1', 'gone 1', 'starting 2', 'started 2']);
    }
    expect(messages[cut]?.[LONG.at]?.attempts).toBe(2);
    const story = await scene.storyOf(cut, messages);
    expect(story.slice(story.indexOf('turn.started'))).toEqual(RETOLD);
  });

  it('K-08: the Worker dies in mid-delivery: all are done in their first attempt, and no agent is started again', async () => {
    const scene = await Scene.begin();
    const crashed = scene.inDelivery(3, () => storm.crashWorker());
    scene.goOn();
    await crashed;
    const messages = await scene.done();
    const events = await scene.inOrder(messages);
    expect(messages.flat().filter(({ attempts }) => attempts !== 1)).toEqual([]);
    for (const { id } of scene.agents) expect(livesOf(events, id)).toEqual(['started 1']);
  });

  it('K-08: both die at once, with a delivery under way: all are done, in order, and none twice within an incarnation', async () => {
    const scene = await Scene.begin();
    await scene.inTurn();
    const crashed = scene.inDelivery(3, () => Promise.all([storm.crashWorker(), storm.crashControlServer()]));
    scene.goOn();
    await crashed;
    const messages = await scene.done();
    const events = await scene.inOrder(messages);
    for (const { id } of scene.agents) {
      expect(livesOf(events, id)).toEqual(['started 1', 'gone 1', 'starting 2', 'started 2']);
    }
  });
});
