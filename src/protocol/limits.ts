/**
 * Limits and times that both sides rely on (the design's table of limits). Each is enforced by the receiver and tested at the
 * limit and one over. Sizes are bytes of the JSON text.
 */

/** Version of what Worker and control server say to each other; each side accepts the other's previous one. */
export const PROTOCOL_VERSION = 1;

/** A request to the control server. */
export const MAX_CONTROL_BODY_BYTES = 2 * 1024 * 1024;
/** A control server's answer: the results of one full delivery, with room for escapes. */
export const MAX_CONTROL_ANSWER_BYTES = 16 * 1024 * 1024;
/** A frontend's message. */
export const MAX_MESSAGE_BYTES = 256 * 1024;
/** A batch of events that an agent reports. */
export const MAX_EVENT_BATCH_BYTES = 512 * 1024;
/** Any other request body. */
export const MAX_BODY_BYTES = 64 * 1024;
/** A finished turn's reply, its JSON text without quotes; a longer one is cut here and marked `truncated`. */
export const MAX_REPLY_BYTES = 256 * 1024;
/** A failed turn's error, and what a heartbeat says that an agent is at, in UTF-16 code units; what is longer is cut. */
export const MAX_ERROR_UNITS = 2000;
export const MAX_TASK_UNITS = 256;
/** One delta's text, in UTF-16 code units; what is longer is cut, and comes whole with the reply. */
export const MAX_DELTA_UNITS = 64 * 1024;
/** What a turn shows of a tool call and what a permission is asked for, in UTF-16 code units; what is longer is cut. */
export const MAX_TOOL_CALL_ID_UNITS = 256;
export const MAX_TITLE_UNITS = 512;
export const MAX_KIND_UNITS = 64;
export const MAX_TOOL_DETAIL_UNITS = 8 * 1024;
/** Entries of a plan, and the units of each; options of a question, and the units of their ids and names. */
export const MAX_PLAN_ENTRIES = 64;
export const MAX_PLAN_ENTRY_UNITS = 1024;
export const MAX_PLAN_WORD_UNITS = 32;
export const MAX_PERMISSION_OPTIONS = 16;
export const MAX_OPTION_UNITS = 256;
/** The end of what a process wrote to stderr, and the reason that is given for a failed start, in UTF-16 code units. */
export const MAX_STDERR_UNITS = 64 * 1024;
export const MAX_FAILURE_UNITS = 2000;
/** Earlier turns that a start hands over, and the UTF-16 code units of each text; what is longer is cut. */
export const MAX_EARLIER_TURNS = 10;
export const MAX_EARLIER_UNITS = 4000;

/** What runs an agent: UTF-16 code units of each text, how many of them, and bytes of a secret's value. */
export const MAX_RUNTIME_COMMAND_UNITS = 256;
export const MAX_RUNTIME_ARGS = 64;
export const MAX_RUNTIME_ARG_UNITS = 4096;
export const MAX_RUNTIME_ENV = 64;
export const MAX_RUNTIME_ENV_UNITS = 8192;
export const MAX_RUNTIME_CWD_UNITS = 1024;
export const MAX_RUNTIME_SECRETS = 16;
export const MAX_RUNTIME_SECRET_BYTES = 16 * 1024;
/**
 * A page of a list, as it is sent; it holds at least one item. An RPC between objects carries 32 MiB, and one character beyond
 * Latin-1 makes every character of its text two bytes there: at most twice the bytes of the JSON.
 */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** An `Authorization` header; a longer one is refused before any cryptography (413). */
export const MAX_AUTHORIZATION_BYTES = 8 * 1024;

/** Agents that live in one town. */
export const MAX_AGENTS_PER_TOWN = 500;

/** Messages to one agent that no turn has begun with, and the bytes of those to all agents of a town. */
export const MAX_WAITING_MESSAGES = 1000;
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A message that was lost in so many turns that had begun is not tried again. */
export const MAX_BROKEN_TURNS = 5;
/** Finished messages are kept this long (ms), this many an agent, and so many bytes of their JSON text a town. */
export const FINISHED_KEPT_MS = 30 * 24 * 3_600_000;
export const MAX_FINISHED_MESSAGES = 10_000;
export const MAX_FINISHED_BYTES = 2 * 1024 * 1024 * 1024;
/** An idempotency key, in visible characters. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 255;
/** `Prefer: wait` waits at most so long, in seconds; a longer wish counts as this. */
export const MAX_WAIT_SECONDS = 60;

/** Messages that share one delivery request and token, and the bytes of their content. */
export const MAX_MESSAGES_PER_DELIVERY = 32;
export const MAX_DELIVERY_BYTES = 1024 * 1024;
/** Agents in one batch of a sweep: one request per container, split past this. */
export const MAX_AGENTS_PER_PUSH = 100;
/** Events in one batch. */
export const MAX_EVENTS_PER_BATCH = 100;

/** Calls of one agent in a minute, and mails and delegations together that it begins in one. */
export const MAX_CALLS_PER_MINUTE = 300;
export const MAX_LETTERS_PER_MINUTE = 30;

/** Mails that wait in one agent's inbox, and the bytes of their texts. */
export const MAX_MAILS_WAITING = 1000;
export const MAX_MAIL_BYTES_WAITING = 8 * 1024 * 1024;
/**
 * What a town keeps of mail and delegations together, in bytes of JSON text; an open delegation counts with the longest result that
 * it may get.
 */
export const MAX_LEDGER_BYTES = 1024 * 1024 * 1024;
/** Bytes of the texts in one page of mail; a page holds at least one. */
export const MAX_MAIL_PAGE_BYTES = 256 * 1024;

/** A delegation that is made for another one counts as one deeper; the first has depth 1. */
export const MAX_DELEGATION_DEPTH = 5;
/** How long a delegation is open, in seconds: unless it says otherwise, and at most. */
export const DEFAULT_DELEGATION_SECONDS = 3600;
export const MAX_DELEGATION_SECONDS = 86_400;
/** Delegations of one agent that are open, or over and not announced to it yet. */
export const MAX_DELEGATIONS_UNDER_WAY = 100;

/** Longest lifetime of an agent token, in seconds: eight hours bound what a stolen one is worth. */
export const MAX_TOKEN_TTL_SECONDS = 28_800;
/** Lifetime of a push token in seconds: long enough for one request, short enough that a stolen one is worthless. */
export const PUSH_TOKEN_TTL_SECONDS = 60;
/** How far two clocks may be apart, in seconds; the only tolerance in the system. */
export const CLOCK_TOLERANCE_SECONDS = 30;

/** Waiters of a pull are released after this (ms), and a pull is tried this often for one 401. */
export const PULL_TIMEOUT_MS = 10_000;
export const PULL_TRIES = 3;

/**
 * How long before its end an agent refreshes ahead, in seconds: five minutes, or a sixth of a short life, so that a token of
 * any lifetime is renewed before it is refused and never on every call.
 */
export function refreshWindowSeconds(ttlSeconds: number): number {
  return Math.min(300, ttlSeconds / 6);
}
