import { MAX_IDEMPOTENCY_KEY_CHARS } from '#protocol';
import { Refusal } from './problem.ts';

const KEY = new RegExp(`^[\\x21-\\x7e]{1,${MAX_IDEMPOTENCY_KEY_CHARS}}$`);
/** A string of structured fields (RFC 9651, section 3.3.3). */
const STRUCTURED = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/;

/** What the problem document says of an idempotency key that is none. */
export const KEY_RULE = `must be 1 to ${MAX_IDEMPOTENCY_KEY_CHARS} visible ASCII characters`;

/** Whether a text keeps that rule. */
export const isIdempotencyKey = (text: string): boolean => KEY.test(text);

/**
 * The sender's own name for a message: from the header `Idempotency-Key` or from the field of the same name; null where there is
 * neither. The header is a structured string, as its specification says, or the bare key, as most clients send it. Refuses what
 * is no key, and two that differ. Source: draft-ietf-httpapi-idempotency-key-header, section 2.1.
 */
export function idempotencyKeyOf(header: string | undefined, field: string | undefined): string | null {
  if (header === undefined) return field ?? null;
  const text = header.startsWith('"') ? STRUCTURED.exec(header)?.[1]?.replaceAll(/\\(["\\])/g, '$1') : header;
  if (text === undefined || !isIdempotencyKey(text)) throw refused('idempotency-key', KEY_RULE);
  if (field !== undefined && field !== text) throw refused('idempotency_key', 'must be the same as the header');
  return text;
}

function refused(path: string, message: string): Refusal {
  return new Refusal('invalid_request', { errors: [{ path, message }] });
}
