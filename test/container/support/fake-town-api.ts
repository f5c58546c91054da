/**
 * The town as a control server sees it: the Worker's HTTP API, played by a small honest program. It mints tokens, accepts only
 * those it minted and has not refused since, takes event batches once, and gives out a fresh token for a session's secret. Tests
 * read what it received and may answer in its place.
 */
import { Hono, type Context } from 'hono';
import {
  CLOCK_TOLERANCE_SECONDS,
  PROBLEMS,
  eventBatchSchema,
  heartbeatSchema,
  pullSchema,
  type AgentId,
  type IssuedToken,
  type Heartbeat,
  type HeartbeatAnswer,
  type ProblemCode,
  type TurnEvent,
} from '#protocol';
import type { Fetch } from '../../../container/lib/platform.ts';

export const TOWN_URL = 'https://town.example';

export interface TownRequest {
  readonly method: string;
  readonly path: string;
  /** Without `Bearer `; empty for none. */
  readonly bearer: string;
  readonly traceparent: string | null;
  readonly body: string;
}

/** Answers in the town's place, or leaves the call to the town by returning undefined. */
export type Interception = (request: TownRequest) => Response | Promise<Response> | undefined;

export function problemAnswer(code: ProblemCode, headers: Record<string, string> = {}): Response {
  const { status, title } = PROBLEMS[code];
  const body = JSON.stringify({ type: 'about:blank', title, status, code });
  return new Response(body, { status, headers: { 'content-type': 'application/problem+json', ...headers } });
}

/** What a captive portal or a proxy answers in the town's place: 200, and a page for people. */
export const page = (): Response =>
  new Response('<html>sign in</html>', { status: 200, headers: { 'content-type': 'text/html' } });

/** An answer that never comes. */
export const hang = (): Promise<Response> => new Promise(() => {});

export class FakeTownApi {
  readonly requests: TownRequest[] = [];
  readonly events: TurnEvent[] = [];
  readonly counters: number[] = [];
  readonly beats: { readonly agent: AgentId; readonly gen: number; readonly beat: Heartbeat }[] = [];
  /** Tokens that were answered with 401. */
  readonly refused: string[] = [];
  /** The next heartbeats' `lagging`. */
  lagging = false;
  ttlSeconds = 10_800;
  /** How far the town's own clock was stepped since the beginning; negative where it was set back. */
  clockStepMs = 0;
  publicKeys: readonly object[] = [];
  intercept: Interception = () => undefined;
  readonly #nowMs: () => number;
  readonly #minted = new Map<string, IssuedToken>();
  readonly #generations = new Map<AgentId, number>();
  readonly #refusals = new Map<string, ProblemCode>();
  readonly #secrets = new Map<string, string>();
  readonly #app = new Hono();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#app.get('/.well-known/jwks.json', (c) => c.json({ keys: this.publicKeys }));
    this.#app.post('/v1/agent/heartbeat', (c) => this.#asAgent(c, (issued) => this.#beat(c, issued)));
    this.#app.post('/v1/agent/events', (c) => this.#asAgent(c, () => this.#takeEvents(c)));
    this.#app.post('/v1/container/:container/agents/:agent/token', (c) => this.#pull(c));
    this.#app.post('/v1/container/hello', (c) => c.json({ status: 'accepted' }, 202));
  }

  /** What a control server gets as `fetch`. */
  readonly fetch: Fetch = async (url, init) => {
    const bearer = (init.headers['authorization'] ?? '').replace(/^Bearer /, '');
    const sent = { method: init.method, path: new URL(url).pathname, body: init.body ?? '' };
    const request: TownRequest = { ...sent, bearer, traceparent: init.headers['traceparent'] ?? null };
    this.requests.push(request);
    const intercepted = this.intercept(request);
    return intercepted ?? this.#app.request(url, init);
  };

  /** The time by the town's own clock. */
  nowMs(): number {
    return this.#nowMs() + this.clockStepMs;
  }

  /** Mints the agent's next generation. */
  mint(agent: AgentId, inc = 1, ttlSeconds = this.ttlSeconds): IssuedToken {
    const gen = (this.#generations.get(agent) ?? 0) + 1;
    this.#generations.set(agent, gen);
    const nowMs = this.nowMs();
    const issued: IssuedToken = {
      agent,
      inc,
      gen,
      jti: `jti-${agent}-${gen}`,
      token: `token-of-${agent}-${gen}`,
      issued_at: new Date(nowMs).toISOString(),
      expires_at: new Date(nowMs + ttlSeconds * 1000).toISOString(),
    };
    this.#minted.set(issued.token, issued);
    return issued;
  }

  /** Opens the pull address to this secret. */
  trust(session: string, secret: string): void {
    this.#secrets.set(session, secret);
  }

  /** From now on this token is answered with `code`. */
  refuse({ token }: IssuedToken, code: ProblemCode = 'invalid_token'): void {
    this.#refusals.set(token, code);
  }

  paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  /** How often a path that ends like this was asked for. */
  count(ending: string): number {
    return this.paths().filter((path) => path.endsWith(ending)).length;
  }

  #asAgent(c: Context, answer: (issued: IssuedToken) => Promise<Response>): Response | Promise<Response> {
    const token = (c.req.header('authorization') ?? '').replace(/^Bearer /, '');
    const issued = this.#minted.get(token);
    // As the Worker verifies: neither past its end, nor issued later than now.
    const isAlive =
      issued !== undefined &&
      Date.parse(issued.expires_at) > this.nowMs() &&
      Date.parse(issued.issued_at) <= this.nowMs() + CLOCK_TOLERANCE_SECONDS * 1000;
    const refusal = this.#refusals.get(token) ?? (isAlive ? undefined : 'invalid_token');
    if (issued === undefined || refusal !== undefined) {
      this.refused.push(token);
      return problemAnswer(refusal ?? 'invalid_token');
    }
    return answer(issued);
  }

  async #beat(c: Context, { agent, gen }: IssuedToken): Promise<Response> {
    this.beats.push({ agent, gen, beat: heartbeatSchema.parse(await c.req.json()) });
    const answer: HeartbeatAnswer = { minted: this.#generations.get(agent) ?? 0, lagging: this.lagging };
    return c.json(answer);
  }

  async #takeEvents(c: Context): Promise<Response> {
    const { counter, events } = eventBatchSchema.parse(await c.req.json());
    const repeated = this.counters.includes(counter);
    this.counters.push(counter);
    if (!repeated) this.events.push(...events);
    return c.json({ counter, repeated });
  }

  async #pull(c: Context): Promise<Response> {
    const { session, inc } = pullSchema.parse(await c.req.json());
    const agent = [...this.#generations.keys()].find((known) => known === c.req.param('agent'));
    const secret = this.#secrets.get(session);
    if (secret === undefined || c.req.header('authorization') !== `Bearer ${secret}`)
      return problemAnswer('invalid_token');
    return agent === undefined ? problemAnswer('not_found') : c.json(this.mint(agent, inc));
  }
}
