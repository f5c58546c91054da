import { CONTROL_PROBLEMS, type ControlProblemCode, type Problem } from '#protocol';

/** Seconds after which a client may ask again where the server is about to go. */
const RETRY_AFTER_SECONDS = '5';

/** The answer for one code. One code, one body: what exactly was wrong with a push token stays in the log. */
export function problem(code: ControlProblemCode, more: Pick<Problem, 'errors'> = {}): Response {
  const { status, title } = CONTROL_PROBLEMS[code];
  const body: Problem = { type: 'about:blank', title, status, code, ...more };
  const headers: Record<string, string> = { 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="reeve-container"';
  if (status === 503) headers['retry-after'] = RETRY_AFTER_SECONDS;
  return new Response(JSON.stringify(body), { status, headers });
}
