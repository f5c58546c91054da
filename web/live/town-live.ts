/**
 * One town as a page follows it: read once, then kept current by its stream. What an event means for a thing is that the thing is
 * read again, so that nothing is shown that the server would not say; only the text of a reply is shown as it is written.
 */
import { computed, signal, type ReadonlySignal } from '@preact/signals';
import type {
  ContainerList,
  Health,
  PermissionPage,
  ReeveClient,
  StreamClient,
  StreamEvent,
  StreamState,
  Town,
} from '../../client/index.ts';
import { everyWhileSeen } from '../lib/browser.ts';
import { Resource } from '../lib/resource.ts';
import { AgentList } from './agent-list.ts';
import { Writings } from './writings.ts';

/** Events that a page holds, and how many of them it reads from before its time. */
const MOST_EVENTS = 1000;
const PAST_EVENTS = 200;
/** What changes with time alone is read again after this (ms), while the page is looked at. */
const READ_AGAIN_MS = 20_000;

export type EventListener = (event: StreamEvent) => void;

/** Begins at once; ends with `end`. */
export class TownLive {
  readonly id: string;
  readonly client: ReeveClient;
  readonly town: Resource<Town>;
  readonly health: Resource<Health>;
  readonly permissions: Resource<PermissionPage>;
  readonly containers: Resource<ContainerList>;
  readonly agents: AgentList;
  readonly writings = new Writings();
  readonly #events = signal<readonly StreamEvent[]>([]);
  readonly #oldest = signal<number | null>(null);
  readonly #stream = signal<StreamState>({ name: 'connecting' });
  readonly #listeners = new Set<EventListener>();
  readonly #follower: StreamClient;
  readonly #ending = new AbortController();

  constructor(client: ReeveClient, id: string) {
    this.id = id;
    this.client = client;
    this.town = new Resource((ending) => client.getTown(id, { signal: ending }));
    this.health = new Resource((ending) => client.getTownHealth(id, { signal: ending }));
    this.permissions = new Resource((ending) => client.listPermissions(id, { limit: 50, signal: ending }));
    this.containers = new Resource((ending) => client.listContainers(id, { signal: ending }));
    this.agents = new AgentList(client, id);
    this.#follower = client.follow(id, {
      onEvent: (event) => this.#take(event),
      onDelta: (delta) => this.writings.add(delta),
      onGap: () => this.reload(),
      onState: (state) => this.#become(state),
    });
    this.reload();
    this.#watchPage();
  }

  /** The last ones, oldest first. */
  get events(): ReadonlySignal<readonly StreamEvent[]> {
    return this.#events;
  }

  get stream(): ReadonlySignal<StreamState> {
    return this.#stream;
  }

  /** `seq` of the oldest event that the town still has; null: not known yet. */
  get oldest(): ReadonlySignal<number | null> {
    return this.#oldest;
  }

  /** Agents of the town that are not retired, those that need a person first. */
  readonly living = computed(() => [...this.agents.byId.value.values()].filter(({ state }) => state !== 'retired'));

  /** Calls for each event from now on; the answer ends that. */
  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Everything, from the server. */
  reload(): void {
    this.town.load();
    this.agents.list.load();
    this.permissions.load();
    this.#readStanding();
  }

  /** Events before the oldest that is here; resolves once they are among them. */
  async loadOlder(): Promise<void> {
    const first = this.#events.peek()[0]?.seq ?? this.#follower.seq ?? 0;
    const after = Math.max(0, first - 1 - PAST_EVENTS);
    const page = await this.client.listEvents(this.id, { after, limit: PAST_EVENTS, signal: this.#ending.signal });
    const known = this.#events.peek();
    const before = known[0]?.seq ?? Infinity;
    this.#events.value = [...page.items.filter(({ seq }) => seq < before), ...known];
    this.#oldest.value = page.oldest;
  }

  /** Idempotent. */
  end(): void {
    this.#ending.abort();
    this.#follower.close();
    this.agents.end();
    for (const resource of [this.town, this.health, this.permissions, this.containers]) resource.end();
  }

  #become(state: StreamState): void {
    const isFirst = state.name === 'live' && this.#oldest.peek() === null;
    this.#stream.value = state;
    if (!isFirst) return;
    // What happened between the first reading and this moment is in no event.
    this.reload();
    // What is missing of the past is no reason to break what is live: the timeline offers to read it again.
    this.loadOlder().catch(() => undefined);
  }

  #take(event: StreamEvent): void {
    this.#events.value = [...this.#events.peek(), event].slice(-MOST_EVENTS);
    const [, noun] = event.type.split('.');
    if (event.subject.startsWith('agt_')) this.agents.changed(event.subject);
    if (event.type === 'reeve.token.issued') this.agents.issued(event.data.agents.map(({ agent }) => agent));
    if (noun === 'permission') this.permissions.load();
    if (noun === 'sweep' || noun === 'town') this.town.load();
    if (noun !== 'turn') this.#readStanding();
    for (const listener of this.#listeners) listener(event);
  }

  #readStanding(): void {
    this.health.load();
    this.containers.load();
  }

  /** A page in the background is asleep: what it missed is there as soon as it is looked at again. */
  #watchPage(): void {
    const { signal: ending } = this.#ending;
    const look = (): void => {
      if (document.visibilityState !== 'visible') return;
      this.#follower.retry();
      this.#readStanding();
      this.permissions.load();
    };
    document.addEventListener('visibilitychange', look, { signal: ending });
    addEventListener('online', look, { signal: ending });
    ending.addEventListener(
      'abort',
      everyWhileSeen(READ_AGAIN_MS, () => this.#readStanding()),
    );
  }
}
