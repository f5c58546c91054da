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
/** A request of a chat frontend, which sends the whole transcript each time, pictures too; the message that is taken of it is one. */
export const MAX_TRANSCRIPT_BYTES = 8 * 1024 * 1024;
/** A batch of events that an agent reports. */
export const MAX_EVENT_BATCH_BYTES = 512 * 1024;
/** Any other request body. */
export const MAX_BODY_BYTES = 64 * 1024;
/** A finished turn's reply, its JSON text without quotes; a longer one is cut here and marked `truncated`. */
export const MAX_REPLY_BYTES = 256 * 1024;
/** A failed turn's error, in UTF-16 code units; what is longer is cut. */
export const MAX_ERROR_UNITS = 2000;
/** What a heartbeat says that an agent is at (`current_task`), in UTF-16 code units; what is longer is cut. */
export const MAX_TASK_UNITS = 256;
/** One delta's text, in UTF-16 code units; what is longer is cut, and comes whole with the reply. */
export const MAX_DELTA_UNITS = 64 * 1024;
/** The agent's own id of a tool call, in UTF-16 code units; what is longer is cut. */
export const MAX_TOOL_CALL_ID_UNITS = 256;
/** The title of a tool call or of a question, in UTF-16 code units; what is longer is cut. */
export const MAX_TITLE_UNITS = 512;
/** The kind of a tool call or of a question, in UTF-16 code units; what is longer is cut. */
export const MAX_KIND_UNITS = 64;
/** What a tool call did, and what a permission is asked for, in UTF-16 code units; what is longer is cut. */
export const MAX_TOOL_DETAIL_UNITS = 8 * 1024;
/** Entries of one plan; later ones are left out. */
export const MAX_PLAN_ENTRIES = 64;
/** The text of an entry of a plan, in UTF-16 code units; what is longer is cut. */
export const MAX_PLAN_ENTRY_UNITS = 1024;
/** The status and the priority of an entry of a plan, in UTF-16 code units each; what is longer is cut. */
export const MAX_PLAN_WORD_UNITS = 32;
/** Options of one question. */
export const MAX_PERMISSION_OPTIONS = 16;
/** The id and the name of an option, in UTF-16 code units each. */
export const MAX_OPTION_UNITS = 256;
/** The end of what a process wrote to stderr, in UTF-16 code units. */
export const MAX_STDERR_UNITS = 64 * 1024;
/** What is said of a failed start, or of the end of a process, in UTF-16 code units; what is longer is cut. */
export const MAX_FAILURE_UNITS = 2000;
/** Earlier turns that a start hands over, the latest ones. */
export const MAX_EARLIER_TURNS = 10;
/** Each text of an earlier turn, in UTF-16 code units; what is longer is cut. */
export const MAX_EARLIER_UNITS = 4000;

/** The command that runs an agent, in UTF-16 code units. */
export const MAX_RUNTIME_COMMAND_UNITS = 256;
/** Arguments of that command. */
export const MAX_RUNTIME_ARGS = 64;
/** One argument, in UTF-16 code units. */
export const MAX_RUNTIME_ARG_UNITS = 4096;
/** Environment variables that a runtime sets, the secrets apart. */
export const MAX_RUNTIME_ENV = 64;
/** The value of one of these variables, in UTF-16 code units. */
export const MAX_RUNTIME_ENV_UNITS = 8192;
/** The path of the working directory, in UTF-16 code units. */
export const MAX_RUNTIME_CWD_UNITS = 1024;
/** Secrets that a runtime names. */
export const MAX_RUNTIME_SECRETS = 16;
/** The value of one secret, in bytes of UTF-8. */
export const MAX_RUNTIME_SECRET_BYTES = 16 * 1024;
/**
 * A page of a list, as it is sent; it holds at least one item. An RPC between objects carries 32 MiB, and one character beyond
 * Latin-1 makes every character of its text two bytes there: at most twice the bytes of the JSON.
 */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;
/** An `Authorization` header; a longer one is refused before any cryptography (413). */
export const MAX_AUTHORIZATION_BYTES = 8 * 1024;

/** Agents that live in one town. */
export const MAX_AGENTS_PER_TOWN = 5000;
/** Retired agents that a town keeps, the latest, for people who look back: some 700 bytes each, and at most 80 KB. */
export const MAX_RETIRED_AGENTS = 1000;

/** Messages to one agent that no turn has begun with. */
export const MAX_WAITING_MESSAGES = 1000;
/** Bytes of the messages to all agents of a town that no turn has begun with. */
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** A message that was lost in so many turns that had begun is not tried again. */
export const MAX_BROKEN_TURNS = 5;
/** Finished messages are kept this long (ms). */
export const FINISHED_KEPT_MS = 30 * 24 * 3_600_000;
/** Finished messages of one agent that are kept, the latest. */
export const MAX_FINISHED_MESSAGES = 10_000;
/** Bytes of JSON text of the finished messages that a town keeps, the latest. */
export const MAX_FINISHED_BYTES = 2 * 1024 * 1024 * 1024;
/** An idempotency key, in visible characters. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 255;
/** `Prefer: wait` waits at most so long, in seconds; a longer wish counts as this. */
export const MAX_WAIT_SECONDS = 60;

/** Messages that share one delivery request and its token. */
export const MAX_MESSAGES_PER_DELIVERY = 32;
/** Bytes of the content of the messages in one delivery; what is past them waits for the next one. */
export const MAX_DELIVERY_BYTES = 1024 * 1024;
/** Agents in one batch of a sweep: one request per container, split past this. */
export const MAX_AGENTS_PER_PUSH = 100;
/** Events in one batch. */
export const MAX_EVENTS_PER_BATCH = 100;

/** Calls of one agent in a minute; one more is 429. */
export const MAX_CALLS_PER_MINUTE = 300;
/** Mails and delegations together that one agent begins in a minute; one more is 429. */
export const MAX_LETTERS_PER_MINUTE = 30;

/** What one person does in one town in a minute, beside reading: one API key may stand for all people of a frontend. */
export const MAX_WRITES_PER_MINUTE = 3000;

/** Mails that wait in one agent's inbox; one more is 429 for its sender. */
export const MAX_MAILS_WAITING = 1000;
/** Bytes of the texts of these mails. */
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
/** How long a delegation is open, in seconds, where it does not say so itself. */
export const DEFAULT_DELEGATION_SECONDS = 3600;
/** How long a delegation may be open, in seconds. */
export const MAX_DELEGATION_SECONDS = 86_400;
/** Delegations of one agent that are open, or over and not announced to it yet. */
export const MAX_DELEGATIONS_UNDER_WAY = 100;

/** Longest lifetime of an agent token, in seconds: eight hours bound what a stolen one is worth. */
export const MAX_TOKEN_TTL_SECONDS = 28_800;
/** Longest lifetime of a token for a third party, in seconds: most of them verify it by themselves, and learn of no revocation. */
export const MAX_EXCHANGED_SECONDS = 3600;
/** Shortest lifetime of one, in seconds, so that what is answered can be used. */
export const MIN_EXCHANGED_SECONDS = 300;
/** Tokens for third parties that one agent has out at the same time. */
export const MAX_EXCHANGED_PER_AGENT = 100;
/** Audiences that a town allows. */
export const MAX_TOKEN_AUDIENCES = 32;
/** Characters of an audience: as many as a client id may have at AWS. */
export const MAX_AUDIENCE_CHARS = 255;
/** Lifetime of a push token in seconds: long enough for one request, short enough that a stolen one is worthless. */
export const PUSH_TOKEN_TTL_SECONDS = 60;
/** How far two clocks may be apart, in seconds; the only tolerance in the system. */
export const CLOCK_TOLERANCE_SECONDS = 30;

/** Waiters of a pull are released after this (ms). */
export const PULL_TIMEOUT_MS = 10_000;
/** A pull is tried this often for one 401. */
export const PULL_TRIES = 3;

/**
 * How long before its end an agent refreshes ahead, in seconds: five minutes, or a sixth of a short life, so that a token of
 * any lifetime is renewed before it is refused and never on every call.
 */
export function refreshWindowSeconds(ttlSeconds: number): number {
  return Math.min(300, ttlSeconds / 6);
}
