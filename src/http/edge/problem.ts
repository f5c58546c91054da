/** RFC 9457 problem documents: the only form in which the Worker refuses. */
import type { Context, Env as HonoEnv } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { PROBLEMS, reportedFaults, type Problem, type ProblemCode } from '#protocol';
import type { Result } from '#lib/result.ts';

/** Refuses from any depth of the edge; `app.onError` turns it into its document. Never carries anything of the request. */
export class Refusal extends HTTPException {
  readonly code: ProblemCode;
  readonly extra: Pick<Problem, 'detail' | 'errors'>;

  constructor(code: ProblemCode, extra: Pick<Problem, 'detail' | 'errors'> = {}) {
    super(PROBLEMS[code].status);
    this.code = code;
    this.extra = extra;
  }
}

/** What a call comes to. Throws a `Refusal` where it is refused, for calls whose every reason is a problem by its own name. */
export async function orRefuse<T>(call: Promise<Result<T, ProblemCode>>): Promise<T> {
  const answered = await call;
  if (!answered.ok) throw new Refusal(answered.error);
  return answered.value;
}

/** Advice for 429 and 503 (RFC 9110, section 10.2.3), in seconds. */
const RETRY_AFTER_SECONDS = '5';

/** The document with the headers that its code asks for (RFC 6750, section 3). */
export function problemResponse(
  code: ProblemCode,
  requestId: string | undefined,
  extra: Pick<Problem, 'detail' | 'errors'> = {},
): Response {
  const { status, title } = PROBLEMS[code];
  const body: Problem = { type: 'about:blank', title, status, code, ...extra };
  const headers = new Headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store' });
  if (requestId !== undefined) {
    body.request_id = requestId;
    headers.set('x-request-id', requestId);
  }
  const challenge = challengeFor(code, status);
  if (challenge !== null) headers.set('www-authenticate', challenge);
  if (status === 429 || status === 503) headers.set('retry-after', RETRY_AFTER_SECONDS);
  return new Response(JSON.stringify(body), { status, headers });
}

function challengeFor(code: ProblemCode, status: number): string | null {
  if (code === 'unauthenticated') return 'Bearer realm="reeve"';
  if (status === 401) return 'Bearer realm="reeve", error="invalid_token"';
  return code === 'insufficient_scope' ? 'Bearer realm="reeve", error="insufficient_scope"' : null;
}

/** What a schema refused, with the path of each fault; used as the validators' hook. */
export function refuseInvalid<E extends HonoEnv>(
  result: { success: true } | ({ success: false } & Invalid),
  c: Context<E>,
): Response | undefined {
  if (result.success) return undefined;
  const errors = faultsOf(result);
  return problemResponse('invalid_request', c.res.headers.get('x-request-id') ?? undefined, { errors });
}

/** The path of each fault that a schema found, and its rule; of many, the first. */
export function faultsOf({ data, error }: Invalid): { path: string; message: string }[] {
  const faults = error.issues.map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: isMissing(issue, data) ? 'is required' : issue.message,
  }));
  return reportedFaults(faults);
}

/** What a validator says of a value that does not fit. */
export interface Invalid {
  readonly data?: unknown;
  readonly error: { readonly issues: readonly Issue[] };
}

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What a schema says of a value that is not what it expects; a rule over several fields says something else. */
const UNFIT = ['invalid_type', 'invalid_value', 'invalid_union'];

/** Whether nothing at all stands where something is refused. */
function isMissing({ code, path }: Issue, data: unknown): boolean {
  if (code === undefined || !UNFIT.includes(code) || path.length === 0) return false;
  let at = data;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return false;
    at = Reflect.get(at, key);
  }
  return at === undefined;
}
