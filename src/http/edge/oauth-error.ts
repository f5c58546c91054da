/** How the OAuth routes refuse (RFC 6749, section 5.2): as the libraries of their callers read it. */
import type { MiddlewareHandler } from 'hono';
import { createMiddleware } from 'hono/factory';
import { PROBLEMS, isTerminal, type OauthError, type OauthErrorCode } from '#protocol';
import type { EdgeEnv } from './edge.ts';
import { Refusal, faultsOf, type Invalid } from './problem.ts';

/** A refusal that only OAuth knows: 400. */
export class OauthRefusal extends Refusal {
  readonly error: OauthErrorCode;
  readonly description: string;

  constructor(error: OauthErrorCode, description: string) {
    super('invalid_request', { detail: description });
    this.error = error;
    this.description = description;
  }
}

/**
 * Gives what the route refuses the form that OAuth has for it, with its headers. What is an error of the server stays a problem
 * document. `credential`: where the caller shows its own. In the header a bad one is 401 or 403 with a challenge (RFC 6750, section 3);
 * in the body of an exchange it is a bad request (RFC 8693, section 2.2.2).
 */
export function oauthErrors(credential: 'header' | 'body'): MiddlewareHandler<EdgeEnv> {
  return createMiddleware<EdgeEnv>(async (c, next) => {
    await next();
    if (!(c.error instanceof Refusal)) return;
    const refusal = c.error;
    const isOfSubject = credential === 'body' && (refusal.status === 401 || refusal.status === 403);
    const headers = new Headers(c.res.headers);
    headers.set('content-type', 'application/json');
    if (isOfSubject) headers.delete('www-authenticate');
    const body: OauthError = {
      error: isOfSubject ? subjectError(refusal) : errorOf(refusal),
      error_description: describe(refusal),
      code: refusal.code,
    };
    // Set apart: an answer that replaces another keeps its headers.
    c.res = undefined;
    c.res = new Response(JSON.stringify(body), { status: isOfSubject ? 400 : refusal.status, headers });
  });
}

/** What a schema refused of a form, to be used as the validator's hook. */
export function refuseForm(result: { success: true } | ({ success: false } & Invalid)): undefined {
  if (!result.success) throw new Refusal('invalid_request', { errors: faultsOf(result) });
  return undefined;
}

/** The caller may not exchange, or its token is not accepted. */
const subjectError = ({ code }: Refusal): OauthErrorCode =>
  code === 'insufficient_scope' ? 'unauthorized_client' : 'invalid_request';

function errorOf(refusal: Refusal): OauthErrorCode {
  if (refusal instanceof OauthRefusal) return refusal.error;
  const { code, status } = refusal;
  if (code === 'insufficient_scope') return 'insufficient_scope';
  if (code === 'unauthenticated' || code === 'invalid_token' || isTerminal(code)) return 'invalid_token';
  return status === 429 || status === 503 ? 'temporarily_unavailable' : 'invalid_request';
}

/** Of the characters that a description may have (RFC 6749, appendix A.8). */
function describe(refusal: Refusal): string {
  const { errors } = refusal.extra;
  const text =
    refusal instanceof OauthRefusal
      ? refusal.description
      : (errors?.map(({ path, message }) => `${path} ${message}`).join('; ') ?? PROBLEMS[refusal.code].title);
  return text.replaceAll(/[^\x20-\x7e]|["\\]/g, "'");
}
