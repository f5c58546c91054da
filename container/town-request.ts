/** One request to the town: the only place of this program where something is sent. */
import { problemSchema, retryAfterMs } from '#protocol';
import { pause } from './clock.ts';
import { readBody } from './control/read-body.ts';
import { parseJson } from './json.ts';
import { errorFields } from './log.ts';
import type { OutgoingRequest, Outside } from './outside.ts';
import type { Secret } from './secret.ts';

/** One request; sent once. */
export interface TownRequest {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly bearer: Secret | null;
  /** JSON text, so that the same request can be sent again. */
  readonly body: string | null;
  readonly timeoutMs: number;
  /** The request ends with this life: of an agent, or of the server. */
  readonly life: AbortSignal;
}

/**
 * `answer`: the town said something, whatever its status; `code` is the problem's code, if the body is a problem.
 * `unreachable`: no complete answer; `ended` says that nobody waits for one any more.
 */
export type TownAnswer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly body: unknown;
      readonly code: string | null;
      readonly retryAfterMs: number;
    }
  | { readonly kind: 'unreachable'; readonly reason: 'network' | 'timeout' | 'ended' };

/** Far more than any answer of the town has; what is longer is none of its answers, and is read no further. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Sends, and reads the whole answer within `timeoutMs`. Never rejects. What comes too late is dropped. */
export async function requestTown(outside: Outside, request: TownRequest): Promise<TownAnswer> {
  const { clock, log } = outside;
  if (request.life.aborted) return { kind: 'unreachable', reason: 'ended' };
  const sending = new AbortController();
  const stop = (): void => sending.abort();
  request.life.addEventListener('abort', stop, { once: true });
  const timer = pause(clock, sending.signal, request.timeoutMs);
  const answer = send(outside, request, sending.signal).catch((thrown: unknown): TownAnswer => {
    if (!sending.signal.aborted)
      log.warn('town_unreachable', { path: new URL(request.url).pathname, ...errorFields(thrown) });
    return { kind: 'unreachable', reason: 'network' };
  });
  const first = await Promise.race([answer, timer]);
  request.life.removeEventListener('abort', stop);
  stop();
  if (request.life.aborted) return { kind: 'unreachable', reason: 'ended' };
  return typeof first === 'string' ? { kind: 'unreachable', reason: 'timeout' } : first;
}

async function send(outside: Outside, request: TownRequest, signal: AbortSignal): Promise<TownAnswer> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (request.bearer !== null) headers['authorization'] = `Bearer ${request.bearer.reveal()}`;
  if (request.body !== null) headers['content-type'] = 'application/json';
  const init: OutgoingRequest = { method: request.method, headers, redirect: 'manual', signal };
  const response = await outside.fetch(request.url, request.body === null ? init : { ...init, body: request.body });
  const bytes = await readBody(response, MAX_ANSWER_BYTES);
  const body = bytes === null ? undefined : parseJson(new TextDecoder().decode(bytes));
  const problem = response.ok ? null : problemSchema.safeParse(body);
  return {
    kind: 'answer',
    status: response.status,
    body,
    code: problem?.success === true ? problem.data.code : null,
    retryAfterMs: retryAfterMs(response.headers.get('retry-after')),
  };
}

/** True for every 2xx. */
export function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}
