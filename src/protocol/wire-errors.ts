/** Errors on the wire: RFC 9457 problem details with a stable `code`. Few codes outside; the precise reason stays in the log. */
import { z } from 'zod';

/** Every `code` that the Worker answers, with its HTTP status and its title. A code never changes its meaning. */
export const PROBLEMS = {
  invalid_request: { status: 400, title: 'The request does not fit its schema' },
  invalid_body: { status: 400, title: 'The body is not UTF-8 text' },
  unauthenticated: { status: 401, title: 'Credentials are needed' },
  invalid_token: { status: 401, title: 'The credentials are not accepted' },
  agent_retired: { status: 401, title: 'The agent is retired' },
  agent_revoked: { status: 401, title: 'The credentials of the agent are revoked' },
  agent_stopped: { status: 401, title: 'The agent is stopped' },
  incarnation_superseded: { status: 401, title: 'A newer incarnation of the agent runs' },
  insufficient_scope: { status: 403, title: 'The token lacks the scope for this' },
  insufficient_role: { status: 403, title: 'Your role in the town does not allow this' },
  not_found: { status: 404, title: 'No such thing, or not yours' },
  unknown_path: { status: 404, title: 'There is no such path' },
  method_not_allowed: { status: 405, title: 'The path does not take this method' },
  name_taken: { status: 409, title: 'The name is in use' },
  state_conflict: { status: 409, title: 'The state of the thing does not allow this' },
  last_owner: { status: 409, title: 'A town keeps an owner: make another member one before' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used for another message' },
  limit_exceeded: { status: 429, title: 'A limit is reached' },
  internal: { status: 500, title: 'An error of the server' },
  not_supported: { status: 501, title: 'What runs here does not know how to do this' },
  unavailable: { status: 503, title: 'Not available now' },
  misconfigured: { status: 503, title: 'The server is misconfigured' },
} as const;
export type ProblemCode = keyof typeof PROBLEMS;

/** Codes that end an agent's client: no refresh and no retry can help. */
export const TERMINAL_CODES = ['agent_retired', 'agent_revoked', 'agent_stopped', 'incarnation_superseded'] as const;
export type TerminalCode = (typeof TERMINAL_CODES)[number];

/** Every `code` that a control server answers beside the outcomes of its own answers. */
export const CONTROL_PROBLEMS = {
  invalid_request: { status: 400, title: 'The request does not fit its schema' },
  invalid_body: { status: 400, title: 'The body is not UTF-8 text' },
  unauthorized: { status: 401, title: 'The push token is not accepted' },
  not_found: { status: 404, title: 'No such route' },
  request_timeout: { status: 408, title: 'The body did not arrive in time' },
  unknown_session: { status: 409, title: 'The session is not held here' },
  stale_session: { status: 409, title: 'A newer session is held' },
  payload_too_large: { status: 413, title: 'The request is too large' },
  internal: { status: 500, title: 'An error of the control server' },
  no_room: { status: 503, title: 'As many sessions as fit are at work' },
  shutting_down: { status: 503, title: 'The control server shuts down' },
} as const;
export type ControlProblemCode = keyof typeof CONTROL_PROBLEMS;

/** `application/problem+json`. `errors` names the path and the rule of each field that does not fit. */
export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string().optional(),
  request_id: z.string().optional(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});
export type Problem = z.infer<typeof problemSchema>;

/** Faults that one refusal names, and UTF-16 units of each path and rule: a body may have as many as it has values, and long names. */
const MAX_REPORTED_FAULTS = 20;
const MAX_FAULT_UNITS = 200;

type Fault = NonNullable<Problem['errors']>[number];

/** What a refusal says of all that does not fit: the first faults, each cut to a line. */
export function reportedFaults(faults: readonly Fault[]): Fault[] {
  return faults.slice(0, MAX_REPORTED_FAULTS).map(({ path, message }) => ({
    path: path.slice(0, MAX_FAULT_UNITS).toWellFormed(),
    message: message.slice(0, MAX_FAULT_UNITS).toWellFormed(),
  }));
}

/** True for the codes after which an agent's client stops. */
export function isTerminal(code: string): code is TerminalCode {
  return TERMINAL_CODES.some((terminal) => terminal === code);
}
