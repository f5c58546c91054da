/** The messages of one agent: the newest first read, then kept current by the town's events. */
import { signal, type ReadonlySignal } from '@preact/signals';
import { ApiError, isOver, type Agent, type Message, type StreamEvent } from '../../client/index.ts';
import type { TownLive } from './town-live.ts';
import { drop, keep, keptOf } from './unsent.ts';

/** Messages of one page. */
const PAGE = 30;

export interface ConversationState {
  /** Oldest first. */
  readonly messages: readonly Message[];
  /** Where older ones are; null: there are none, or not known yet. */
  readonly older: string | null;
  readonly isRead: boolean;
  readonly error: Error | null;
}

/** A message that is on its way to the server; it goes with the same key each time. */
export interface Sending {
  readonly key: string;
  readonly content: string;
  /** Why the last try failed; null while it is tried. */
  readonly error: Error | null;
}

export class Conversation {
  readonly #live: TownLive;
  readonly #agent: Agent;
  readonly #state = signal<ConversationState>({ messages: [], older: null, isRead: false, error: null });
  readonly #sending = signal<readonly Sending[]>([]);
  readonly #stop: () => void;
  readonly #ending = new AbortController();

  constructor(live: TownLive, agent: Agent) {
    this.#live = live;
    this.#agent = agent;
    this.#stop = live.listen((event) => this.#take(event));
    // What a page did not see confirmed before it was loaded again: with its key it is no second message.
    for (const { key, content } of keptOf(agent.id)) void this.send(content, key);
    void this.read();
  }

  get state(): ReadonlySignal<ConversationState> {
    return this.#state;
  }

  get sending(): ReadonlySignal<readonly Sending[]> {
    return this.#sending;
  }

  end(): void {
    this.#stop();
    this.#ending.abort();
  }

  /** The newest ones, from the server. */
  async read(): Promise<void> {
    await this.#page(undefined);
  }

  /** A page of those before. */
  async readOlder(): Promise<void> {
    const { older } = this.#state.peek();
    if (older !== null) await this.#page(older);
  }

  /** Stored by the server once this resolves; where it rejects, what was typed is in `sending`, to be sent again. */
  async send(content: string, key: string): Promise<void> {
    keep(this.#agent.id, { key, content });
    this.#sending.value = [...this.#sending.peek().filter((one) => one.key !== key), { key, content, error: null }];
    try {
      this.#put(await this.#live.client.sendMessage(this.#live.id, this.#agent.id, content, { key }));
      this.forget(key);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#sending.value = this.#sending.peek().map((one) => (one.key === key ? { ...one, error } : one));
    }
  }

  /** A message that was not sent is given up. */
  forget(key: string): void {
    drop(this.#agent.id, key);
    this.#sending.value = this.#sending.peek().filter((one) => one.key !== key);
  }

  /** While it is queued. */
  async cancel(message: Message): Promise<void> {
    this.#put(await this.#live.client.cancelMessage(this.#live.id, this.#agent.id, message.id));
  }

  async #page(cursor: string | undefined): Promise<void> {
    const { signal: ending } = this.#ending;
    try {
      const options = { order: 'newest', cursor, limit: PAGE, signal: ending } as const;
      const { items, next } = await this.#live.client.listMessages(this.#live.id, this.#agent.id, options);
      if (ending.aborted) return;
      const known = this.#state.peek();
      // What was read first says how far back the list reaches: the newest page does not, where older ones are there.
      const older = cursor === undefined && known.isRead ? known.older : next;
      this.#state.value = { messages: merged(known.messages, items), older, isRead: true, error: null };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (!ending.aborted) this.#state.value = { ...this.#state.peek(), error };
    }
  }

  /** What an event says of a message is that it is to be read again. */
  #take(event: StreamEvent): void {
    if (event.subject !== this.#agent.id) return;
    for (const id of messagesOf(event)) void this.#readOne(id);
  }

  async #readOne(id: string): Promise<void> {
    try {
      this.#put(await this.#live.client.getMessage(this.#live.id, this.#agent.id, id));
    } catch (thrown) {
      if (thrown instanceof ApiError && thrown.status === 404) return;
      if (!this.#ending.signal.aborted) await this.read();
    }
  }

  #put(message: Message): void {
    const known = this.#state.peek();
    this.#state.value = { ...known, messages: merged(known.messages, [message]) };
    if (isOver(message)) this.#live.writings.end(message.id);
  }
}

/** By id, in the order of the agent's queue. What was read later wins. */
function merged(known: readonly Message[], read: readonly Message[]): Message[] {
  const byId = new Map(known.map((message) => [message.id, message]));
  for (const message of read) byId.set(message.id, message);
  return [...byId.values()].toSorted((one, other) => one.seq - other.seq);
}

/** Messages that an event of an agent is about. */
function messagesOf({ type, data }: StreamEvent): readonly string[] {
  if (!/^reeve\.(message|turn\.(started|finished))/.test(type)) return [];
  if ('messages' in data) return data.messages;
  return 'message' in data ? [data.message] : [];
}
