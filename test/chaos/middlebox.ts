/** Stands before a server as a proxy does that is not always well, and keeps what the server itself answered to agents. */
import { decodeJwt } from 'jose';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { parseJson } from '#lib/json.ts';
import { handOn, readRequest, type Answered, type Asked } from '../e2e/support/hand-on.ts';
import type { Call } from './history.ts';
import type { Lie } from './schedule.ts';

/** A request that is handed on late is so late at most (ms): some are later than their senders wait. */
const SLOW_MS = 8_000;

const PAGE = { 'content-type': 'text/html' };
/** What it answers by itself. */
const OWN_ANSWERS: Partial<Record<Lie, Pick<Answered, 'status' | 'headers' | 'body'>>> = {
  html: { status: 200, headers: PAGE, body: '<html><body>Please sign in to the network</body></html>' },
  forbidden: { status: 403, headers: PAGE, body: '<html><body>Forbidden</body></html>' },
  too_large: { status: 413, headers: PAGE, body: '<html><body>Request Entity Too Large</body></html>' },
  bad_gateway: { status: 502, headers: PAGE, body: '<html><body>Bad Gateway</body></html>' },
};

const claimsSchema = z.object({ agent: z.string(), inc: z.number(), gen: z.number(), iat: z.number() });
const codeSchema = z.object({ code: z.string() });

export interface MiddleboxOptions {
  /** It listens on one, and hands on to the other. */
  readonly port: number;
  readonly target: number;
  /** In [0, 1), for what is left to chance. */
  readonly random: () => number;
}

export class Middlebox {
  /** In the order of the answers. */
  readonly calls: Call[] = [];
  readonly #options: MiddleboxOptions;
  readonly #server: Server;
  readonly #lies = new Set<{ readonly lie: Lie; readonly share: number }>();

  static async open(options: MiddleboxOptions): Promise<Middlebox> {
    const middlebox = new Middlebox(options);
    middlebox.#server.listen(options.port, '127.0.0.1');
    await once(middlebox.#server, 'listening');
    return middlebox;
  }

  private constructor(options: MiddleboxOptions) {
    this.#options = options;
    this.#server = createServer((incoming, outgoing) => {
      // The other end is gone, or its server is: so is the connection.
      this.#pass(incoming, outgoing).catch(() => void outgoing.destroy());
    });
  }

  /** From now on it lies about this share of the requests, until the returned function is called. */
  begin(lie: Lie, share: number): () => void {
    const entry = { lie, share };
    this.#lies.add(entry);
    return () => void this.#lies.delete(entry);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const asked = await readRequest(incoming);
    const lie = this.#drawLie();
    if (lie === 'reset') return void incoming.socket.resetAndDestroy();
    const own = lie === null ? undefined : OWN_ANSWERS[lie];
    if (own !== undefined) return void outgoing.writeHead(own.status, own.headers).end(own.body);
    if (lie === 'slow') await setTimeout(this.#options.random() * SLOW_MS);
    const [answer] = await Promise.all([this.#ask(asked), ...(lie === 'twice' ? [this.#ask(asked)] : [])]);
    if (lie === 'drop') outgoing.destroy();
    else outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  }

  async #ask(asked: Asked): Promise<Answered> {
    const at = Date.now();
    const answer = await handOn(this.#options.target, asked);
    const call = callOf(asked, answer);
    if (call !== null) this.calls.push({ at, until: Date.now(), ...call });
    return answer;
  }

  #drawLie(): Lie | null {
    const { random } = this.#options;
    for (const { lie, share } of this.#lies) if (random() < share) return lie;
    return null;
  }
}

/** Null where it was not made with an agent's token. Of the token only what it says is kept. */
function callOf({ headers }: Asked, { status, body }: Answered): Omit<Call, 'at' | 'until'> | null {
  const claims = claimsSchema.safeParse(decoded(headers.authorization ?? ''));
  if (!claims.success) return null;
  const { agent, inc, gen, iat } = claims.data;
  const code = status < 400 ? '' : (codeSchema.safeParse(parseJson(body)).data?.code ?? '');
  return { agent, inc, gen, issuedAt: iat * 1000, status, code };
}

function decoded(authorization: string): unknown {
  try {
    return decodeJwt(authorization.slice('Bearer '.length));
  } catch {
    return null; // A secret of a session, or nothing.
  }
}
