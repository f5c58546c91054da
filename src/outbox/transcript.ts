/** What a chat frontend asked, by the digest of everything that it sent: such a client names no message, and sends again all the same. */
import type { MessageId } from '#protocol';
import type { Message } from './message.ts';

/** After its end a message is the answer to a repeat for this long (ms): clients that send again by themselves do so within minutes. */
const REPEAT_MS = 10 * 60_000;

/** The last message that a transcript became. */
export interface Transcript {
  readonly message: MessageId;
  /** When its answer had been taken whole by its client; null: it has not, as far as is known. */
  readonly answeredAtMs: number | null;
}

/** A transcript as it is sent. */
export interface SentTranscript {
  /** SHA-256 of it, base64url, with what tells one conversation and one key from another. */
  readonly digest: string;
  /** The client says that it sends it again. */
  readonly isRetry: boolean;
}

/**
 * Whether a transcript that comes again means the message that it became: while that is not over, always; then for ten minutes, if its
 * client did not get the whole answer, or says that it sends again. Otherwise a person says the same once more.
 */
export function isRepeat(
  { finishedAtMs }: Pick<Message, 'finishedAtMs'>,
  { answeredAtMs }: Transcript,
  { isRetry }: SentTranscript,
  nowMs: number,
): boolean {
  if (finishedAtMs === null) return true;
  return nowMs - finishedAtMs <= REPEAT_MS && (answeredAtMs === null || isRetry);
}
