/** How a call of the client fails. */
import type { Problem } from './api-types.ts';

/** The server refused. `code` never changes its meaning (docs/protocol.md); a middlebox that answered instead has none: `''`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  /** To name in a question to the operator of the server. */
  readonly requestId: string | null;
  /** Seconds after which it makes sense to ask again; null where the server does not say. */
  readonly retryAfter: number | null;
  /** More than the code says, for people. */
  readonly detail: string | null;
  /** The path and the rule of each field that does not fit. */
  readonly errors: NonNullable<Problem['errors']>;

  constructor(status: number, problem: Partial<Problem>, headers: Headers) {
    const { code = '', title = `HTTP ${status}`, detail, errors = [], request_id: id } = problem;
    const faults = errors.map(({ path, message }) => `${path === '' ? 'the body' : path} ${message}`);
    super([title, ...(detail === undefined ? [] : [detail]), ...faults].join(': '));
    this.status = status;
    this.code = code;
    this.requestId = id ?? headers.get('x-request-id');
    this.retryAfter = secondsOf(headers.get('retry-after'));
    this.detail = detail ?? null;
    this.errors = errors;
  }
}

/** No answer came: the server was not reached, the connection broke, or its time was over. Whether it acted is unknown. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  readonly why: 'network' | 'timeout' | 'unreadable';

  constructor(why: Unreachable['why'], cause?: unknown) {
    super(
      { network: 'The server is not reached', timeout: 'No answer in time', unreadable: 'No answer of a Reeve' }[why],
      {
        cause,
      },
    );
    this.why = why;
  }
}

/** A date there, which proxies may send, counts as nothing said. */
function secondsOf(retryAfter: string | null): number | null {
  return retryAfter !== null && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null;
}
