/** One request to the town: the only place of this program where something is sent. */
import { problemSchema, retryAfterMs, type AnswerSchema } from '#protocol';
import { pause } from '../lib/clock.ts';
import { readBody } from '#lib/read-body.ts';
import { parseJson } from '#lib/json.ts';
import type { OutgoingRequest, Platform } from '../lib/platform.ts';
import type { Attributes } from '../lib/tracer.ts';
import type { Secret } from '#lib/secret.ts';

/** One request; sent once. */
export interface TownRequest<T> {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly bearer: Secret | null;
  /** JSON text, so that the same request can be sent again. */
  readonly body: string | null;
  /** What a 2xx has to say; with the counter or the ids of this very request, where it carries any. */
  readonly answer: AnswerSchema<T>;
  readonly timeoutMs: number;
  /** Of what it is sent for, in whose trace it is a span then. */
  readonly traceparent?: string | null;
  /** The request ends with this life: of an agent, or of the server. */
  readonly life: AbortSignal;
}

/**
 * `ok`: a 2xx that fits the request's `answer`. `refused`: any other status; `code` is the problem's code, and null where the
 * body is no problem document, so something between here and the town may have answered. `unreachable`: no answer of the town.
 * `malformed` is a 2xx that does not fit: proxies and captive portals send such pages, and the town has seen nothing of the
 * request. `ended` says that no caller waits any more.
 */
export type TownAnswer<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly code: string | null;
      readonly retryAfterMs: number;
    }
  | { readonly kind: 'unreachable'; readonly reason: 'network' | 'timeout' | 'malformed' | 'ended' };

/** Far more than any answer of the town has; what is longer is none of its answers, and is read no further. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Sends, and reads the whole answer within `timeoutMs`. Never rejects. What comes too late is dropped. */
export async function requestTown<T>(platform: Platform, request: TownRequest<T>): Promise<TownAnswer<T>> {
  const { method, url, traceparent = null } = request;
  const span = platform.tracer.begin('client', method, traceparent, {
    'http.request.method': method,
    ...addressOf(new URL(url)),
  });
  let outcome: Attributes = {};
  const answered = (status: number): void => void (outcome = { 'http.response.status_code': status });
  const answer = await ask(platform, { ...request, traceparent: span.traceparent }, answered);
  span.end(failureOf(answer), outcome);
  return answer;
}

/** Without the query, which holds the positions of lists. */
function addressOf({ origin, pathname, hostname, port, protocol }: URL): Attributes {
  const defaultPort = protocol === 'https:' ? 443 : 80;
  return {
    'url.full': `${origin}${pathname}`,
    'server.address': hostname,
    'server.port': port === '' ? defaultPort : Number(port),
  };
}

/** `error.type` of its span. */
function failureOf(answer: TownAnswer<unknown>): string | null {
  if (answer.kind === 'ok') return null;
  return answer.kind === 'refused' ? String(answer.status) : answer.reason;
}

/** Told of each status that comes, also of one whose body never does. */
type Answered = (status: number) => void;

async function ask<T>(platform: Platform, request: TownRequest<T>, answered: Answered): Promise<TownAnswer<T>> {
  const { clock, reach } = platform;
  if (request.life.aborted) return { kind: 'unreachable', reason: 'ended' };
  const sending = new AbortController();
  const stop = (): void => sending.abort();
  request.life.addEventListener('abort', stop, { once: true });
  const timer = pause(clock, sending.signal, request.timeoutMs);
  const answer = send(platform, request, sending.signal, answered).catch((thrown: unknown): TownAnswer<T> => {
    if (!sending.signal.aborted) reach.failed(new URL(request.url).pathname, thrown);
    return { kind: 'unreachable', reason: 'network' };
  });
  const first = await Promise.race([answer, timer]);
  request.life.removeEventListener('abort', stop);
  stop();
  if (request.life.aborted) return { kind: 'unreachable', reason: 'ended' };
  return typeof first === 'string' ? { kind: 'unreachable', reason: 'timeout' } : first;
}

async function send<T>(
  platform: Platform,
  request: TownRequest<T>,
  signal: AbortSignal,
  answered: Answered,
): Promise<TownAnswer<T>> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (typeof request.traceparent === 'string') headers['traceparent'] = request.traceparent;
  if (request.bearer !== null) headers['authorization'] = `Bearer ${request.bearer.reveal()}`;
  if (request.body !== null) headers['content-type'] = 'application/json';
  const init: OutgoingRequest = { method: request.method, headers, redirect: 'manual', signal };
  const response = await platform.fetch(request.url, request.body === null ? init : { ...init, body: request.body });
  platform.reach.reached();
  answered(response.status);
  const bytes = await readBody(response, MAX_ANSWER_BYTES);
  const body = bytes === null ? undefined : parseJson(new TextDecoder().decode(bytes));
  if (response.ok) {
    const answer = request.answer.safeParse(body);
    return answer.success ? { kind: 'ok', value: answer.data } : { kind: 'unreachable', reason: 'malformed' };
  }
  const problem = problemSchema.safeParse(body);
  return {
    kind: 'refused',
    status: response.status,
    code: problem.success ? problem.data.code : null,
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
  };
}
