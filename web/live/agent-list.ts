/** The agents of a town, each read again when something happened to it. */
import { signal, type ReadonlySignal } from '@preact/signals';
import type { Agent, ReeveClient } from '../../client/index.ts';
import { itemsUpTo, type Items } from '../lib/all-items.ts';
import { after } from '../lib/browser.ts';
import { Resource } from '../lib/resource.ts';

/** Of one town that a page holds at most. */
const MOST_AGENTS = 1000;
/** From an event to the reading of its agent (ms): a turn has many events. */
const GATHER_MS = 200;
/** A container that answers has confirmed a token within this (ms). */
const CONFIRMED_MS = 2000;
/** More of them at once are read as the list. */
const MOST_SINGLE = 10;

export class AgentList {
  readonly #client: ReeveClient;
  readonly #town: string;
  readonly list: Resource<Items<Agent>>;
  readonly #changed = new Set<string>();
  #cancelReading: (() => void) | null = null;
  readonly #unconfirmed = new Set<string>();
  #cancelConfirming: (() => void) | null = null;
  readonly #byId = signal<ReadonlyMap<string, Agent>>(new Map());

  constructor(client: ReeveClient, town: string) {
    this.#client = client;
    this.#town = town;
    this.list = new Resource(async (ending) => {
      const found = await itemsUpTo<Agent>(MOST_AGENTS, (cursor) =>
        client.listAgents(town, { cursor, limit: 100, signal: ending }),
      );
      this.#byId.value = new Map(found.items.map((agent) => [agent.id, agent]));
      return found;
    });
  }

  get byId(): ReadonlySignal<ReadonlyMap<string, Agent>> {
    return this.#byId;
  }

  /** By id, or by the name of one that is not retired. */
  find(idOrName: string): Agent | null {
    const agents = this.#byId.value;
    return (
      agents.get(idOrName) ??
      [...agents.values()].find(({ name, state }) => name === idOrName && state !== 'retired') ??
      null
    );
  }

  /** What an act answered. */
  put(agent: Agent): void {
    this.#byId.value = new Map(this.#byId.peek()).set(agent.id, agent);
  }

  /** Something happened to it: it is read again, soon. */
  changed(id: string): void {
    this.#changed.add(id);
    this.#cancelReading ??= after(GATHER_MS, () => void this.#readChanged());
  }

  /** Tokens were issued, which is an event; that their containers confirmed them is none. */
  issued(ids: readonly string[]): void {
    for (const id of ids) {
      this.changed(id);
      this.#unconfirmed.add(id);
    }
    this.#cancelConfirming ??= after(CONFIRMED_MS, () => {
      this.#cancelConfirming = null;
      for (const id of this.#unconfirmed) this.changed(id);
      this.#unconfirmed.clear();
    });
  }

  end(): void {
    this.#cancelReading?.();
    this.#cancelConfirming?.();
    this.list.end();
  }

  async #readChanged(): Promise<void> {
    this.#cancelReading = null;
    const ids = [...this.#changed];
    this.#changed.clear();
    if (ids.length > MOST_SINGLE) return this.list.load();
    try {
      for (const agent of await Promise.all(ids.map((id) => this.#client.getAgent(this.#town, id)))) this.put(agent);
    } catch {
      // The list says why, where it cannot be read either.
      this.list.load();
    }
  }
}
