import {
  MAX_BODY_BYTES,
  cutToJsonBytes,
  delegationSchema,
  delegationWithTextSchema,
  mailPageSchema,
  mailSentSchema,
  peersSchema,
  where,
  type AnswerSchema,
  type DelegationId,
  type DelegationOrder,
  type DelegationResult,
  type DelegationView,
  type DelegationWithText,
  type MailPage,
  type MailSent,
  type NewMail,
  type Peers,
} from '#protocol';
import { backoffMs, randomShare } from '#lib/backoff.ts';
import { pause } from '../lib/clock.ts';
import type { Platform } from '../lib/platform.ts';
import type { AgentCall, AgentClient, CallOutcome } from './agent-client.ts';

/** `error` is a word for the agent to read: why the town did not do it. */
export type ToolAnswer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

/**
 * What an agent's process may ask of the town. The calls are made for it, with its own token, which it does not hold. None
 * rejects. What may be asked twice is asked again until the town has said yes or no; a mail and a delegation are sent once.
 * Only the town's own answers are one of the two: for a 2xx or a refusal that something else sends it is asked again, too.
 */
export interface TownTools {
  /** A page of the other agents of the town; `after` is the `next` of the page before. */
  peers(after: string | null): Promise<ToolAnswer<Peers>>;
  sendMail(mail: NewMail): Promise<ToolAnswer<MailSent>>;
  /** `cursor`, the `next` of a page, says that all of it was read. */
  readMail(cursor: string | null): Promise<ToolAnswer<MailPage>>;
  delegate(order: DelegationOrder): Promise<ToolAnswer<DelegationView>>;
  readDelegation(id: DelegationId): Promise<ToolAnswer<DelegationWithText>>;
  /** A text that is too long for the town is cut. */
  finishDelegation(id: DelegationId, result: DelegationResult): Promise<ToolAnswer<DelegationView>>;
}

interface ToolParts {
  readonly platform: Pick<Platform, 'clock' | 'randomBytes'>;
  readonly client: Pick<AgentClient, 'call'>;
  readonly life: AbortSignal;
  /** Of the turn that the calls are made in; null: it has none. */
  readonly traceparent: string | null;
}

const TIMEOUT_MS = 10_000;
/** A second, doubling to half a minute. */
const BACKOFF = { firstMs: 1_000, maxMs: 30_000, jitter: 'equal' } as const;
/** Room in a body for what is not the text. */
const FRAME_BYTES = 1024;
const DELEGATIONS = '/v1/agent/delegations';
/**
 * Refusals in a row that are no problem document, after which the agent gets an error: what stands in the way does not pass.
 * A result is worth more patience: half a minute each, so many are as long as a delegation is open unless it says otherwise.
 */
const FOREIGN_REFUSALS = { read: 8, result: 120 } as const;

/** What the town means by a status, in a word. */
const WORDS: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  403: 'insufficient_scope',
  404: 'not_found',
  409: 'state_conflict',
  413: 'payload_too_large',
  429: 'limit_exceeded',
};

export function townTools(parts: ToolParts): TownTools {
  const sent = { timeoutMs: TIMEOUT_MS, traceparent: parts.traceparent };
  const get = <T>(answer: AnswerSchema<T>, path: string): Promise<ToolAnswer<T>> =>
    untilAnswered(parts, FOREIGN_REFUSALS.read, { method: 'GET', path, body: null, answer, ...sent });
  const post = <T>(answer: AnswerSchema<T>, path: string, body: object): AgentCall<T> => {
    return { method: 'POST', path, body: JSON.stringify(body), answer, ...sent };
  };
  const once = async <T>(call: AgentCall<T>): Promise<ToolAnswer<T>> => answerOf(await parts.client.call(call));
  return {
    peers: (after) => get(peersSchema, `/v1/agent/peers?limit=200${after === null ? '' : `&cursor=${after}`}`),
    sendMail: (mail) => once(post(mailSentSchema, '/v1/agent/mail', mail)),
    readMail: (cursor) => get(mailPageSchema, `/v1/agent/mail${cursor === null ? '' : `?cursor=${cursor}`}`),
    delegate: (order) => once(post(delegationSchema, DELEGATIONS, order)),
    readDelegation: (id) =>
      get(
        where(delegationWithTextSchema, (read) => read.id === id),
        `${DELEGATIONS}/${id}`,
      ),
    finishDelegation: (id, { state, text }) => {
      const body = { state, text: cutToJsonBytes(text, MAX_BODY_BYTES - FRAME_BYTES).text };
      // What the town has stored is over, in the state that was said.
      const stored = where(delegationSchema, (read) => read.id === id && read.state === state);
      return untilAnswered(parts, FOREIGN_REFUSALS.result, post(stored, `${DELEGATIONS}/${id}/result`, body));
    },
  };
}

/** Again, with pauses, while the town is not reached or has no time; for calls that change nothing when they are repeated. */
async function untilAnswered<T>(parts: ToolParts, maxForeign: number, call: AgentCall<T>): Promise<ToolAnswer<T>> {
  const { platform, client, life } = parts;
  let foreign = 0;
  for (let failures = 1; ; failures += 1) {
    const outcome = await client.call(call);
    foreign = isForeign(outcome) ? foreign + 1 : 0;
    const waitMs = foreign >= maxForeign ? null : retryAfterMs(outcome);
    if (waitMs === null) return answerOf(outcome);
    const pauseMs = backoffMs(BACKOFF, failures, randomShare(platform.randomBytes), waitMs);
    if ((await pause(platform.clock, life, pauseMs)) === 'ended') return { ok: false, error: 'over' };
  }
}

/** The least that is waited before the next try; null: there is nothing to try again. */
function retryAfterMs(outcome: CallOutcome<unknown>): number | null {
  if (outcome.kind === 'unreachable') return 0;
  if (outcome.kind === 'paused') return outcome.retryAfterMs;
  return isPassing(outcome) || isForeign(outcome) ? outcome.retryAfterMs : null;
}

/** Says nothing of the call itself: the town has no time, or does not accept the token, of which the client takes care. */
function isPassing(outcome: CallOutcome<unknown>): outcome is Refused {
  return outcome.kind === 'refused' && ([401, 408, 425, 429].includes(outcome.status) || outcome.status >= 500);
}

/** Refused by something that does not speak as the town does. */
function isForeign(outcome: CallOutcome<unknown>): outcome is Refused {
  return outcome.kind === 'refused' && outcome.code === null && !isPassing(outcome);
}

type Refused = Extract<CallOutcome<unknown>, { kind: 'refused' }>;

function answerOf<T>(outcome: CallOutcome<T>): ToolAnswer<T> {
  if (outcome.kind === 'ok') return { ok: true, value: outcome.value };
  if (outcome.kind === 'refused') return { ok: false, error: WORDS[outcome.status] ?? `refused_${outcome.status}` };
  const isMalformed = outcome.kind === 'unreachable' && outcome.reason === 'malformed';
  return { ok: false, error: isMalformed ? 'malformed_answer' : outcome.kind };
}
