/** What the health of a town may name, and what a person does about it. */
import type { HealthReason } from '#protocol';

/** A reason without whom it concerns, and since when. */
export type Kind = Omit<HealthReason, 'agent' | 'since'>;

/** The database has steps of a newer release; its `detail` names them. The conditions of all reasons are in health.ts. */
export const SCHEMA_AHEAD: Omit<Kind, 'detail'> = {
  code: 'schema_ahead',
  status: 'amber',
  advice:
    'A newer release ran here and was rolled back; this one works on what it knows. Deploy the newer one, or a later.',
};
/** A piece of due work throws each time it is tried; its `detail` names the work and the tries. */
export const WORK_FAILS: Omit<Kind, 'detail'> = {
  code: 'work_fails',
  status: 'amber',
  advice: 'The log says why (town.work_failed): a broken row, or a fault of Reeve. It is tried again ever more rarely.',
};
/** Of an agent whose row in `agent_tokens` is not there or cannot be read. */
export const UNREADABLE: Kind = {
  code: 'credential_unreadable',
  status: 'red',
  detail: 'The row of its credential is broken or missing: it gets no token, and no message.',
  advice: 'The log says why (town.row_broken). Put the database of the town back, or create the agent anew.',
};
/** Of a working or stalled agent: the token that its container confirmed last is past its end (F1). */
export const EXPIRED: Kind = {
  code: 'token_expired',
  status: 'red',
  detail: 'The agent works, and the last token that it confirmed has expired.',
  advice: 'Look at credential.last_error and at its control server; POST .../refresh tells what happens now.',
};
/** Of an agent at work, or about to end, whose pushes fail; its `detail` is the last error, or `PULLED_INSTEAD`. */
export const FAILING: Kind = {
  code: 'pushes_fail',
  status: 'amber',
  detail: '',
  advice: 'They go on by themselves; if this lasts, look at its control server.',
};
/** The detail of `FAILING` where the agent has a good token all the same. */
export const PULLED_INSTEAD = 'Pushes fail; its container fetched the last token by itself.';
/** Of a container that answers 401 while something that happened bears a time that is yet to come. */
export const CLOCK_DISAGREES: Kind = {
  code: 'clock_disagrees',
  status: 'amber',
  detail: "its control server refuses the town's requests (401), because the town's clock was set back.",
  advice:
    'It goes on by itself within minutes, with its next pull or a new session; keep the clock from being stepped.',
};
/** Of a container that answers 401 although the clock of the town went on as it should. */
export const SESSION_REFUSED: Kind = {
  code: 'session_refused',
  status: 'amber',
  detail: "its control server refuses the town's requests (401).",
  advice:
    'After the third a new session is opened, which ends a disagreement about the time. If this lasts, compare its REEVE_ISSUER with PUBLIC_URL and its keys (REEVE_JWKS, REEVE_API_URL) with SIGNING_KEYS.',
};
/** `valid_from` of the town is yet to come, beyond the tolerance between two clocks. */
export const RESTORED_AHEAD: Kind = {
  code: 'clock_disagrees',
  status: 'red',
  detail:
    "The town was restored at a time that is yet to come, because its clock was set back since; no agent's token is accepted.",
  advice: 'POST .../restored again, now that the clock is right.',
};
/** Of an agent whose start has failed for a minute and is tried again. */
export const NOT_STARTING: Kind = {
  code: 'start_fails',
  status: 'red',
  detail: 'The agent does not come up.',
  advice: 'Look at credential.last_error and at the log of its control server.',
};
/** Of an agent whose restarts are used up. */
export const FAILED: Kind = {
  code: 'agent_failed',
  status: 'red',
  detail: 'The agent was given up.',
  advice: 'POST .../start starts it again, and so does a message; one that waits does so after half an hour.',
};
/** Of an agent that is stalled because its heartbeats do not come. */
export const SILENT: Kind = {
  code: 'agent_silent',
  status: 'amber',
  detail: 'The agent works, and none of its last three heartbeats came.',
  advice: 'After ten minutes it is started again by itself, if its container answers.',
};
/** Of an agent that is stalled although its heartbeats come. */
export const NO_OUTPUT: Kind = {
  code: 'agent_no_output',
  status: 'amber',
  detail: 'The agent works and is heard, and has shown no output for 15 minutes.',
  advice: 'It may be in a long step; POST .../stop and .../start end its turn and run it again.',
};
/** Of an agent that was started again more than once without finishing a turn; its `detail` has the number. */
export const RESTARTS: Kind = {
  code: 'agent_restarts',
  status: 'amber',
  detail: '',
  advice: 'Look at the log of its control server; it is tried ever more rarely, and given up in the end.',
};
/** Of a container in doubt; what is said follows its number. */
export const CONTAINER_SILENT: Kind = {
  code: 'container_silent',
  status: 'amber',
  detail: 'neither it nor an agent in it is heard.',
  advice:
    'After ten minutes it is abandoned, and its agents start elsewhere; look at the machine and at CONTAINER_URL.',
};
/** Of a container whose agents were placed again; what is said follows its number. */
export const CONTAINER_LOST: Kind = {
  code: 'container_lost',
  status: 'red',
  detail: 'it was abandoned, because nothing was heard of it for ten minutes.',
  advice: 'Look at the machine and at CONTAINER_URL. It is taken back as soon as it says hello or answers.',
};
/** Of an agent whose stop or teardown was tried and is tried again. */
export const END_OPEN: Kind = {
  code: 'end_unconfirmed',
  status: 'amber',
  detail: 'Its stop or teardown is not confirmed by the container; its token is refused all the same.',
  advice: 'It is asked again by itself; if this lasts, look at its control server.',
};
/** Of an agent with a message that was cancelled a minute ago or more, and may still be run. */
export const WITHDRAWAL_OPEN: Kind = {
  code: 'withdrawal_unconfirmed',
  status: 'amber',
  detail: 'A message that was cancelled may be held by the container, which has not confirmed that it lets go of it.',
  advice: 'It is asked again by itself; if this lasts, look at its control server, or POST .../stop and .../start.',
};
/** Of an agent that called with a generation below the confirmed one, a minute after it was confirmed (F4). */
export const LAGGING: Kind = {
  code: 'stale_copy',
  status: 'amber',
  detail: 'Something in its container called with a token older than the one that was swapped in.',
  advice: 'A client keeps a copy: register it with the registry, or read the token at each call.',
};
/** Of an agent that a person revoked, until a person starts it. */
export const REVOKED: Kind = {
  code: 'agent_revoked',
  status: 'amber',
  detail: 'Its tokens are revoked, and its messages wait.',
  advice: 'POST .../start starts it again with fresh credentials; DELETE tears it down.',
};
/** Of a working or stalled agent after the active key was changed, until its next token. */
export const OLD_KEY: Kind = {
  code: 'old_key',
  status: 'amber',
  detail: 'Its token was signed by a key that is not the active one.',
  advice: 'The next sweep replaces it; POST .../refresh does so now.',
};
/** Of an agent that is not given up and whose process ended by itself or did not start; its `detail` says why. */
export const PROCESS_FAILED: Kind = {
  code: 'process_failed',
  status: 'amber',
  detail: '',
  advice:
    'It is started again by itself, ever more rarely; its failure and the event reeve.agent.exited have what it wrote last. This goes with its next finished turn.',
};
/** Of an agent with a question that is open, or whose answer it has yet to take; its `detail` names it. */
export const ASKS: Kind = {
  code: 'permission_waits',
  status: 'amber',
  detail: '',
  advice: 'POST .../permissions/<id> answers; GET .../permissions?state=open lists what may be answered.',
};
/** Of a webhook that the town posts to no more, by its own decision; its `detail` says why. */
export const WEBHOOK_DISABLED: Omit<Kind, 'detail'> = {
  code: 'webhook_disabled',
  status: 'amber',
  advice:
    'Mend its receiver, try it with POST .../webhooks/<id>/test, and PATCH it with enabled: true, which goes on where it stopped; or DELETE it.',
};
/** Of a webhook whose receiver has taken nothing for ten minutes; its `detail` has what came of the last try. */
export const WEBHOOK_FAILING: Omit<Kind, 'detail'> = {
  code: 'webhook_failing',
  status: 'amber',
  advice:
    'It is tried again ever more rarely, for three days. Look at its receiver; where the last try says key_missing, put the key back into WEBHOOK_KEYS, or POST .../webhooks/<id>/rotate.',
};
