/** The one client of the control API: every call into a container is made here. */
import {
  CONTROL_CALLS,
  CONTROL_PROBLEMS,
  MAX_CONTROL_ANSWER_BYTES,
  clip,
  healthSchema,
  problemSchema,
  retryAfterMs,
  sessionClosedSchema,
  type AnswerSchema,
  type ContainerName,
  type ControlCallAnswer,
  type ControlCallName,
  type ControlOrder,
  type ControlProblemCode,
  type Health,
  type OpenSession,
  type Problem,
  type SessionClosed,
  type SessionId,
  type SessionOpened,
} from '#protocol';
import { withDeadline } from '#lib/clock.ts';
import { parseJson } from '#lib/json.ts';
import { readText } from '#lib/read-body.ts';
import { sha256 } from '#lib/secret.ts';
import { messageOf } from '#lib/result.ts';
import type { ContainerBackend, PushSigner, Unreachable } from './container-link.ts';
import { ANSWERS, sessionAnswer } from './control-answers.ts';

/** What one call came to. `session_unknown`: the control server does not hold the session that the token names. */
export type ControlAnswer<T> =
  { readonly kind: 'answered'; readonly value: T } | { readonly kind: 'session_unknown' } | Unreachable;

interface Call<T> {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  /** Audience of the push token; null sends none (health). */
  readonly audience: string | null;
  readonly body?: unknown;
  /** Takes an answer only to this very request. */
  readonly answer: AnswerSchema<T>;
  readonly timeoutMs: number;
}

/** Of what went wrong, in UTF-16 code units: a problem's code, and all of it. */
const MAX_CODE_UNITS = 64;
const MAX_DETAIL_UNITS = 300;

/** Longest time (ms) for a request that a message rides along with: a person waits behind it. */
const MESSAGE_TIMEOUT_MS = 2000;

/** The only caller of the control API. No method rejects; each has a timeout. */
export class ControlClient {
  readonly #backend: ContainerBackend;
  readonly #sign: PushSigner;
  readonly #container: ContainerName;
  readonly #timeoutMs: number;

  constructor(backend: ContainerBackend, sign: PushSigner, container: ContainerName, timeoutMs: number) {
    this.#backend = backend;
    this.#sign = sign;
    this.#container = container;
    this.#timeoutMs = timeoutMs;
  }

  health(): Promise<ControlAnswer<Health>> {
    return this.#call({
      method: 'GET',
      path: '/health',
      audience: null,
      answer: healthSchema,
      timeoutMs: this.#timeoutMs,
    });
  }

  openSession(boot: string, body: OpenSession): Promise<ControlAnswer<SessionOpened>> {
    return this.#call({
      method: 'PUT',
      path: '/session',
      audience: boot,
      body,
      answer: sessionAnswer(boot, body),
      timeoutMs: this.#timeoutMs,
    });
  }

  closeSession(session: string): Promise<ControlAnswer<SessionClosed>> {
    return this.#call({
      method: 'DELETE',
      path: '/session',
      audience: session,
      answer: sessionClosedSchema,
      timeoutMs: this.#timeoutMs,
    });
  }

  /** One call of the control API in a session. */
  call<N extends ControlCallName>(
    name: N,
    session: SessionId,
    order: ControlOrder<N>,
  ): Promise<ControlAnswer<ControlCallAnswer<N>>> {
    const { method, path, within } = CONTROL_CALLS[name];
    return this.#call({
      method,
      path: path.replace(':agent', order.agent ?? '').replace(':permission', order.permission ?? ''),
      audience: session,
      ...(order.body === null ? {} : { body: order.body }),
      answer: ANSWERS[name](order),
      timeoutMs: within === 'message' ? Math.min(MESSAGE_TIMEOUT_MS, this.#timeoutMs) : this.#timeoutMs,
    });
  }

  async #call<T>(call: Call<T>): Promise<ControlAnswer<T>> {
    try {
      const body = call.body === undefined ? '' : JSON.stringify(call.body);
      const headers = new Headers();
      if (call.body !== undefined) headers.set('content-type', 'application/json');
      if (call.audience !== null) {
        const token = await this.#sign({
          audience: call.audience,
          container: this.#container,
          method: call.method,
          path: call.path,
          bodyDigest: await sha256(body),
        });
        headers.set('authorization', `Bearer ${token}`);
      }
      // One deadline for headers and body: a container that trickles its answer is cut like one that sends none.
      return await withDeadline(call.timeoutMs, async (signal) => {
        const init = { method: call.method, headers, signal };
        const response = await this.#backend.fetch(call.path, body === '' ? init : { ...init, body });
        return readAnswer(response, await readText(response, MAX_CONTROL_ANSWER_BYTES), call.answer);
      });
    } catch (thrown) {
      const timeout = thrown instanceof Error && (thrown.name === 'TimeoutError' || thrown.name === 'AbortError');
      return unreachable(
        timeout ? 'timeout' : 'transport',
        timeout ? `no answer in ${call.timeoutMs} ms` : messageOf(thrown),
      );
    }
  }
}

/**
 * The schema decides first: outcomes such as `stale` come with 409, 404, 410 and 502 and are answers, not failures. A 2xx that does
 * not fit is no word of the container, so the way there failed: proxies answer 200 with pages of their own.
 */
function readAnswer<T>(response: Response, text: string | null, schema: AnswerSchema<T>): ControlAnswer<T> {
  // What is no JSON fits no schema.
  const json = parseJson(text ?? '');
  const answer = schema.safeParse(json);
  if (answer.success && (response.ok || [404, 409, 410, 502].includes(response.status))) {
    return { kind: 'answered', value: answer.data };
  }
  if (response.ok) return unreachable('transport', `${response.status} that is no answer to this request`);
  const problem = problemSchema.safeParse(json);
  const code = problem.success ? problem.data.code : 'no problem document';
  const unknown: ControlProblemCode = 'unknown_session';
  if (response.status === 409 && code === unknown) return { kind: 'session_unknown' };
  const detail = `${response.status} ${clip(code, MAX_CODE_UNITS)}`;
  const unauthorized: ControlProblemCode = 'unauthorized';
  if (response.status === 401 && code === unauthorized) return unreachable('unauthorized', detail);
  if (response.status === 429 || response.status === 503) {
    const draining: ControlProblemCode = 'shutting_down';
    return unreachable(
      code === draining ? 'draining' : 'busy',
      detail,
      retryAfterMs(response.headers.get('retry-after')),
    );
  }
  // 408: the body was too slow on its way, which says nothing of what is in it.
  if (response.status >= 500 || response.status === 408) return unreachable('server_error', detail);
  const refused = unreachable('refused', detail);
  const isJudged = judgesRequest(response.status, problem.success ? problem.data : null);
  return isJudged ? { ...refused, rejected: response.status } : refused;
}

/** Statuses that say nothing of the request: it came too slowly, too early or too often. */
const ANY_REQUEST: readonly number[] = [408, 425, 429];
/** What a control server refuses for what is in the request; its other refusals concern the session, the route or itself. */
const OF_CONTENT: readonly string[] = ['invalid_request', 'payload_too_large'] satisfies ControlProblemCode[];

/**
 * Whether a 4xx judges this very request. A control server names one of its own codes, with the status that belongs to it; any other
 * body was written by something on the way, such as a firewall or a proxy with a limit of its own.
 */
function judgesRequest(status: number, problem: Problem | null): boolean {
  if (status < 400 || ANY_REQUEST.includes(status)) return false;
  const own = Object.entries(CONTROL_PROBLEMS).find(
    ([code, known]) => code === problem?.code && known.status === status,
  );
  return own === undefined || OF_CONTENT.includes(own[0]);
}

function unreachable(reason: Unreachable['reason'], detail: string, waitMs = 0): Unreachable {
  // Stored, and shown to people: whatever a control server or the platform says becomes one line.
  return { kind: 'unreachable', reason, detail: clip(detail.toWellFormed(), MAX_DETAIL_UNITS), retryAfterMs: waitMs };
}
