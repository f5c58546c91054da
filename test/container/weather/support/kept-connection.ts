/**
 * A client as an author of agents would write it: it opens one connection and keeps it, holds its own copy of the token, and has
 * no other way to a new one than `setToken`. The other side is a real HTTP server that writes down who called over which socket.
 */
import { once } from 'node:events';
import { Agent, createServer, request, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { z } from 'zod';
import type { TokenClient } from '../../../../container/clients/registry.ts';

export interface Call {
  readonly authorization: string;
  /** Number of the connection, from 1. */
  readonly connection: number;
}

export class Listener {
  readonly calls: Call[] = [];
  readonly #sockets: Socket[] = [];
  readonly #server: Server = createServer((incoming, response) => {
    const { socket, headers } = incoming;
    if (!this.#sockets.includes(socket)) this.#sockets.push(socket);
    this.calls.push({ authorization: headers.authorization ?? '', connection: this.#sockets.indexOf(socket) + 1 });
    incoming.resume().on('end', () => response.end('{}'));
  });

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return z.object({ port: z.number() }).parse(this.#server.address()).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export class KeptConnection implements TokenClient {
  /** How often it was given a token. */
  swaps = 0;
  #token = '';
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  setToken(token: string): void {
    this.swaps += 1;
    this.#token = token;
  }

  /** Sends one request with the token that it holds as the request leaves. */
  async send(): Promise<void> {
    const headers = { authorization: `Bearer ${this.#token}` };
    const outgoing = request({
      port: this.#port,
      host: '127.0.0.1',
      agent: this.#agent,
      method: 'POST',
      headers,
    }).end();
    const [response] = z.tuple([z.custom<NodeJS.ReadableStream>()]).parse(await once(outgoing, 'response'));
    response.resume();
    await once(response, 'end');
  }

  close(): void {
    this.#agent.destroy();
  }
}
