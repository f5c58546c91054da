/** The OAuth doors of the Worker: forms, of which one holds the credential itself, and refusals in the words of OAuth. */
import {
  EXCHANGE_GRANT,
  JWT_TYPE,
  PROBLEMS,
  isTerminal,
  type OauthError,
  type ProblemCode,
} from '../../../src/protocol/index.ts';

/** The audience that the town of the scene allows. */
export const AUDIENCE = 'https://third.example';
export const EXCHANGE = 'POST /v1/oauth/token';
export const INTROSPECT = 'POST /v1/oauth/introspect';
export const REVOKE = 'POST /v1/oauth/revoke';

export const exchangeForm = (subject: string | null, changes: Readonly<Record<string, string>> = {}) => ({
  grant_type: EXCHANGE_GRANT,
  subject_token_type: JWT_TYPE,
  audience: AUDIENCE,
  ...(subject === null ? {} : { subject_token: subject }),
  ...changes,
});

/** A request with this credential, the `Authorization` header of other routes: in the form where the route reads it there. */
export function oauthRequest(route: string, header: string | null): RequestInit {
  if (route !== EXCHANGE) {
    const body = new URLSearchParams({ token: 'none' });
    return { method: 'POST', body, headers: header === null ? {} : { authorization: header } };
  }
  return { method: 'POST', body: new URLSearchParams(exchangeForm(header?.replace(/^Bearer /, '') ?? null)) };
}

interface OauthRefused {
  readonly status: number;
  readonly body: OauthError;
}

/** How a route of OAuth refuses what is refused with this code elsewhere. */
export function oauthRefusal(route: string, code: ProblemCode, header: string | null): OauthRefused {
  const { status, title } = PROBLEMS[code];
  if (route !== EXCHANGE) {
    const error = code === 'insufficient_scope' ? code : status === 401 ? 'invalid_token' : 'invalid_request';
    return { status, body: { error, error_description: title, code } };
  }
  if (header === null || header === '') {
    const body = { error_description: 'subject_token is required', code: 'invalid_request' };
    return { status: 400, body: { error: 'invalid_request', ...body } };
  }
  // A text that is too long for a header is no token either.
  const said = isTerminal(code) || code === 'insufficient_scope' ? code : 'invalid_token';
  const error = code === 'insufficient_scope' ? 'unauthorized_client' : 'invalid_request';
  return { status: 400, body: { error, error_description: PROBLEMS[said].title, code: said } };
}
