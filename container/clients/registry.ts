/**
 * Agent id -> its cell and its clients, one for the whole process. It hangs on `globalThis[Symbol.for('reeve.clients')]`, so
 * that a plugin which was bundled on its own, with its own copy of this module, joins the same one:
 *
 *     const leave = globalThis[Symbol.for('reeve.clients')].register(agentId, { setToken(token) { ... } });
 */
import type { IssuedToken, SwapOutcome } from '#protocol';
import type { Cell } from './cell.ts';

/** Anything that calls the town as one agent and holds what it cannot read at each send, such as an open connection. */
export interface TokenClient {
  setToken(token: string): void | Promise<void>;
  /** The agent, or this incarnation of it, is over: nothing more is sent. Called once, unless the client has left before. */
  ended?(): void | Promise<void>;
}

/** What the owner of an agent holds: the only way to its token from outside, and the only way to take it down. */
export interface RegistryEntry {
  /** Compare-and-set; every client gets a token that was applied. */
  swap(token: IssuedToken): Exclude<SwapOutcome, 'retired'>;
  /** Closes the cell, drops the clients and frees the key, unless the key is another entry's by now. Idempotent. */
  release(): void;
}

/** What hangs on the global: `register` is for clients and plugins, `open` for the supervisor that runs the agent. */
export interface ClientRegistry {
  /**
   * Registers a client of a live agent. It gets the current token before this returns, then each new one, until the agent
   * ends, which calls `ended` (a new incarnation is joined by registering again), or the returned function is called. That
   * function removes this registration and nothing else, and may be called again (T4). Throws `AgentNotLive` where the agent
   * is not live here.
   */
  register(agent: string, client: TokenClient): () => void;
  /**
   * Makes the entry of an agent that starts. One that is still there is closed first: its owner was abandoned without a
   * shutdown, or the agent was placed elsewhere. `onClientError` is called for a client that throws; it gets no token.
   */
  open(cell: Cell, onClientError: (thrown: unknown) => void): RegistryEntry;
  /** Live agents. */
  readonly size: number;
  /** Clients of all of them. */
  readonly clients: number;
}

/** Thrown by `register`: the agent is not live in this process, or not any more. The client registers again when it starts. */
export class AgentNotLive extends Error {
  override readonly name = 'AgentNotLive';
}

class Entry {
  readonly cell: Cell;
  readonly #clients = new Set<{ readonly client: TokenClient }>();
  readonly #onClientError: (thrown: unknown) => void;

  constructor(cell: Cell, onClientError: (thrown: unknown) => void) {
    this.cell = cell;
    this.#onClientError = onClientError;
  }

  add(client: TokenClient): () => void {
    // Wrapped, so that a client which registers twice has two registrations and each undo takes one away.
    const registration = { client };
    this.#clients.add(registration);
    this.#giveToken(client);
    return () => void this.#clients.delete(registration);
  }

  get clients(): number {
    return this.#clients.size;
  }

  swap(token: IssuedToken): Exclude<SwapOutcome, 'retired'> {
    const outcome = this.cell.swap(token);
    if (outcome === 'applied') this.#informAll();
    return outcome;
  }

  /** The token is gone first, then each client is informed. */
  close(): void {
    this.cell.close();
    const registered = [...this.#clients];
    this.#clients.clear();
    for (const { client } of registered) this.#inform(() => client.ended?.());
  }

  /** Over a copy: a client may leave or register while it is informed; one that has left in the meantime gets nothing. */
  #informAll(): void {
    const registered = [...this.#clients];
    for (const registration of registered) if (this.#clients.has(registration)) this.#giveToken(registration.client);
  }

  #giveToken(client: TokenClient): void {
    const { token } = this.cell;
    if (token !== null) this.#inform(() => client.setToken(token.text.reveal()));
  }

  /** A client that throws, now or later, neither stops the others nor undoes the change. */
  #inform(call: () => unknown): void {
    try {
      // Whatever it returns: a promise of a plugin need not be one of this bundle's.
      Promise.resolve(call()).catch(this.#onClientError);
    } catch (thrown) {
      this.#onClientError(thrown);
    }
  }
}

/** The registry itself. A process has one; tests make their own. */
export class Registry implements ClientRegistry {
  readonly #entries = new Map<string, Entry>();

  register(agent: string, client: TokenClient): () => void {
    const entry = this.#entries.get(agent);
    if (entry === undefined) throw new AgentNotLive(`${agent} is not live in this process`);
    return entry.add(client);
  }

  open(cell: Cell, onClientError: (thrown: unknown) => void): RegistryEntry {
    const earlier = this.#entries.get(cell.agent);
    const entry = new Entry(cell, onClientError);
    this.#entries.set(cell.agent, entry);
    // In this order, so that a client which registers again at an end does not join what is over.
    earlier?.close();
    return {
      swap: (token) => entry.swap(token),
      release: () => {
        if (this.#entries.get(cell.agent) === entry) this.#entries.delete(cell.agent);
        entry.close();
      },
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  get clients(): number {
    return [...this.#entries.values()].reduce((sum, { clients }) => sum + clients, 0);
  }
}

const GLOBAL_KEY = Symbol.for('reeve.clients');

/** The registry of this process; the first caller makes it. One of the two globals that the design allows. */
export function sharedRegistry(): ClientRegistry {
  const existing: unknown = Reflect.get(globalThis, GLOBAL_KEY);
  if (isRegistry(existing)) return existing;
  const made = new Registry();
  Reflect.set(globalThis, GLOBAL_KEY, made);
  return made;
}

/** Asks for the methods, not for the class: the one that is there may come from another bundle. */
function isRegistry(value: unknown): value is ClientRegistry {
  if (typeof value !== 'object' || value === null) return false;
  return typeof Reflect.get(value, 'register') === 'function' && typeof Reflect.get(value, 'open') === 'function';
}
