/**
 * What stands between an agent's process and the tools: a path that only it knows, and a bearer. Both live as long as its
 * incarnation. A page in a browser on this machine has neither, and is refused by its Host and Origin before anything is compared.
 */
import { parseTraceparent, traceFields } from '#protocol';
import { parseJson } from '#lib/json.ts';
import { base64url, sameDigest, sha256 } from '#lib/secret.ts';
import { firstAbort } from '../lib/first-abort.ts';
import { isWorthALine } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import { receiveBody, type Received } from '../lib/receive-body.ts';
import { exchange } from './mcp-exchange.ts';
import { callTool, type ToolUser } from './tool-call.ts';
import type { ToolResult } from './tool-result.ts';

/** A request: the longest result of a delegation that is worth cutting, with its frame. */
export const MAX_TOOL_BODY_BYTES = 512 * 1024;
/** Requests of one agent that are under way, each of a batch among them. */
export const MAX_TOOL_REQUESTS = 32;

const SECRET_BYTES = 32;
const PATH = '/mcp/';

/** What an agent's process gets, and no other: neither is kept here. */
export interface DoorKey {
  /** Of the URL, from the slash on. */
  readonly path: string;
  readonly bearer: string;
}

interface Way {
  readonly user: ToolUser;
  readonly bearerDigest: string;
  readonly life: AbortController;
  underWay: number;
}

export type DoorParts = Pick<Platform, 'clock' | 'log' | 'randomBytes'>;

/** The ways to the tools of all agents of this process. */
export class ToolDoor {
  readonly #parts: DoorParts;
  /** By the digest of the path: how long a look-up takes says nothing about a path that is there. */
  readonly #ways = new Map<string, Way>();
  /** Refusals so far, for each reason. */
  readonly #refusals = new Map<string, number>();

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /** Ways that are open. */
  get size(): number {
    return this.#ways.size;
  }

  /** Opens a way for one incarnation. `close` ends it with all calls on it, and may be called again. */
  async open(user: ToolUser): Promise<{ readonly key: DoorKey; readonly close: () => void }> {
    const draw = (): string => base64url(Uint8Array.from(this.#parts.randomBytes(SECRET_BYTES)));
    const key: DoorKey = { path: `${PATH}${draw()}`, bearer: draw() };
    const pathDigest = await sha256(key.path);
    const way: Way = { user, bearerDigest: await sha256(key.bearer), life: new AbortController(), underWay: 0 };
    this.#ways.set(pathDigest, way);
    const close = (): void => {
      if (this.#ways.get(pathDigest) === way) this.#ways.delete(pathDigest);
      way.life.abort();
    };
    return { key, close };
  }

  /** Answers a request that came to `host` (address and port). Never rejects. */
  async answer(request: Request, host: string): Promise<Response> {
    const { headers, method } = request;
    if (headers.get('host') !== host) return this.#refuse('host', 403);
    const origin = headers.get('origin');
    if (origin !== null && origin !== `http://${host}`) return this.#refuse('origin', 403);
    if (method !== 'POST') return new Response(null, { status: 405, headers: { allow: 'POST' } });
    const way = this.#ways.get(await sha256(new URL(request.url).pathname));
    if (way === undefined) return this.#refuse('path', 404);
    const [, bearer = ''] = /^Bearer (\S+)$/i.exec(headers.get('authorization') ?? '') ?? [];
    if (!sameDigest(await sha256(bearer), way.bearerDigest)) return this.#refuse('bearer', 401, way);
    if (way.underWay >= MAX_TOOL_REQUESTS) return this.#refuse('too_many', 429, way);
    way.underWay += 1;
    const life = firstAbort(way.life.signal, request.signal);
    try {
      return await this.#exchange(request, way, life.signal);
    } finally {
      life.end();
      way.underWay -= 1;
    }
  }

  async #exchange(request: Request, way: Way, gone: AbortSignal): Promise<Response> {
    const received = await receiveBody(request, MAX_TOOL_BODY_BYTES, this.#parts.clock);
    if (received.kind !== 'whole') return this.#refuse(received.kind, STATUS_OF[received.kind], way);
    const body = parseJson(new TextDecoder().decode(received.body)) ?? null;
    // The first of them is counted already.
    const others = Array.isArray(body) ? Math.max(0, body.length - 1) : 0;
    if (way.underWay + others > MAX_TOOL_REQUESTS) return this.#refuse('too_many', 429, way);
    way.underWay += others;
    try {
      return await exchange(request, body, gone, (tool, args) => this.#call(way.user, tool, args, gone));
    } finally {
      way.underWay -= others;
    }
  }

  async #call(user: ToolUser, tool: string, args: unknown, gone: AbortSignal): Promise<ToolResult> {
    const { clock, log } = this.#parts;
    const { agent, inc } = user;
    // Of the turn that is under way now, which may be over when the call is.
    const trace = parseTraceparent(user.turn()?.traceparent);
    const result = await callTool(clock, user, tool, args, gone);
    const outcome = result.ok ? 'ok' : result.code;
    // An unknown name is the model's own text.
    const named = outcome === 'unknown_tool' ? null : tool;
    log.info('tool_called', { agent, inc, tool: named, outcome, ...traceFields(trace) });
    return result;
  }

  /** Said at first and then ever more rarely: what an agent's process sends must not fill the log. */
  #refuse(reason: string, status: number, way?: Way): Response {
    const refusals = (this.#refusals.get(reason) ?? 0) + 1;
    this.#refusals.set(reason, refusals);
    if (isWorthALine(refusals)) {
      this.#parts.log.warn('tools_refused', { reason, status, refusals, agent: way?.user.agent });
    }
    return new Response(null, { status, headers: HEADERS_OF[status] ?? {} });
  }
}

const STATUS_OF: Readonly<Record<Exclude<Received['kind'], 'whole'>, number>> = {
  too_long: 413,
  too_slow: 408,
  aborted: 400,
};

const HEADERS_OF: Readonly<Record<number, Record<string, string>>> = {
  401: { 'www-authenticate': 'Bearer realm="reeve"' },
  429: { 'retry-after': '1' },
};
