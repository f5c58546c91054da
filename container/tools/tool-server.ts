/** The town's tools for the agents of a control server: one listener on loopback, which is there while an agent needs it. */
import { createAdaptorServer } from '@hono/node-server';
import { ToolDoor, type DoorParts } from './tool-door.ts';
import type { ToolUser } from './tool-call.ts';

const LOOPBACK = '127.0.0.1';

/** As the Agent Client Protocol takes it in `session/new`: the only copy of both secrets. */
export interface ToolAccess {
  readonly type: 'http';
  readonly name: 'reeve';
  readonly url: string;
  readonly headers: readonly [{ readonly name: 'authorization'; readonly value: string }];
}

/** The tools of one incarnation. */
export interface OpenTools {
  readonly servers: readonly [ToolAccess];
  /**
   * Ends them: the way in is gone before this returns, and every call on it ends. Resolves when the listener is gone too, where no
   * other agent needs it. Idempotent; never rejects.
   */
  close(): Promise<void>;
}

interface Listener {
  /** Address and port. */
  readonly host: string;
  close(): Promise<void>;
}

/** Opens tools for the agents of one process. */
export class ToolServer {
  readonly #door: ToolDoor;
  #listener: Promise<Listener> | null = null;
  /** Agents that have tools, or are about to. */
  #users = 0;

  constructor(parts: DoorParts) {
    this.#door = new ToolDoor(parts);
  }

  /** Ways in that are open. */
  get size(): number {
    return this.#door.size;
  }

  /** Opens the tools of an incarnation. Rejects where no port can be had on loopback. */
  async open(user: ToolUser): Promise<OpenTools> {
    this.#users += 1;
    try {
      this.#listener ??= listen((request, host) => this.#door.answer(request, host));
      const { host } = await this.#listener;
      const { key, close } = await this.#door.open(user);
      let closing: Promise<void> | null = null;
      return {
        servers: [
          {
            type: 'http',
            name: 'reeve',
            url: `http://${host}${key.path}`,
            headers: [{ name: 'authorization', value: `Bearer ${key.bearer}` }],
          },
        ],
        close: () => {
          close();
          closing ??= this.#leave();
          return closing;
        },
      };
    } catch (thrown) {
      await this.#leave();
      throw thrown;
    }
  }

  /** The last one closes the listener; who comes after that gets another one. */
  async #leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    const listener = this.#listener;
    this.#listener = null;
    await listener?.then(
      (open) => open.close(),
      () => {},
    );
  }
}

/** Listens on a port that the system chooses. */
function listen(answer: (request: Request, host: string) => Promise<Response>): Promise<Listener> {
  return new Promise((resolve, reject) => {
    let host = '';
    const http = createAdaptorServer({ fetch: (request) => answer(request, host), overrideGlobalObjects: false });
    http.once('error', reject);
    http.listen(0, LOOPBACK, () => {
      const address = http.address();
      if (address === null || typeof address === 'string') return reject(new Error('No port on loopback'));
      host = `${LOOPBACK}:${address.port}`;
      resolve({ host, close: () => endServer(http) });
    });
  });
}

/** Connections that are kept open for more requests end at once: who has one is gone. */
function endServer(http: ReturnType<typeof createAdaptorServer>): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => resolve());
    if ('closeAllConnections' in http) http.closeAllConnections();
  });
}
