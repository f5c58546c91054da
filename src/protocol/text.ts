/**
 * Texts on the wire. A JSON string may hold half of a surrogate pair, which no UTF-8 text can: a database, a log and a digest
 * would each keep something else in its place. So each text is made whole once, where its schema reads it, before anything is
 * compared, counted or stored. NUL and every other character are kept as they are.
 */
import { z } from 'zod';

/** Said of a text with half of a surrogate pair. */
export const TEXT_RULE = 'must be well-formed text, without lone surrogates';

/** What a person writes: refused where it is not well-formed, so that the stored text is always the one that was sent. */
export const writtenText = z.string().refine((text) => text.isWellFormed(), TEXT_RULE);

/**
 * What an agent puts out: whatever it is, its turn counts, so half a character becomes U+FFFD. With `maxUnits` what is longer is
 * cut there, in UTF-16 code units: a town never refuses a report for the length of a text in it.
 */
export function agentText(maxUnits = Number.POSITIVE_INFINITY) {
  return z.string().overwrite((text) => clip(text.toWellFormed(), maxUnits));
}

/** The beginning of `text` in at most `maxUnits` UTF-16 code units; never half a character. */
export function clip(text: string, maxUnits: number): string {
  if (text.length <= maxUnits) return text;
  return text.slice(0, isPair(text, maxUnits - 1) ? maxUnits - 1 : maxUnits);
}

/** UTF-8 bytes of `text` as JSON, with its quotes: what `JSON.stringify` makes of it, without making it. */
export function jsonBytes(text: string): number {
  let bytes = 2;
  for (let at = 0; at < text.length; at += isPair(text, at) ? 2 : 1) bytes += bytesAt(text, at);
  return bytes;
}

/** UTF-8 bytes of `text`. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at += isPair(text, at) ? 2 : 1) bytes += utf8At(text, at);
  return bytes;
}

/** The longest beginning of `text` whose JSON form, without quotes, has at most `maxBytes`; never half a character. */
export function cutToJsonBytes(text: string, maxBytes: number): { readonly text: string; readonly truncated: boolean } {
  let bytes = 0;
  for (let at = 0; at < text.length; at += isPair(text, at) ? 2 : 1) {
    bytes += bytesAt(text, at);
    if (bytes > maxBytes) return { text: text.slice(0, at), truncated: true };
  }
  return { text, truncated: false };
}

/** JSON's short escapes: quote, backslash, and \b \t \n \f \r. Other control characters take six bytes. */
const SHORT_ESCAPES = new Set([0x22, 0x5c, 0x08, 0x09, 0x0a, 0x0c, 0x0d]);

/** In JSON, of the character that begins at `at`. Half a pair is written as an escape (ECMA-262, well-formed JSON.stringify). */
function bytesAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (SHORT_ESCAPES.has(unit)) return 2;
  const isHalf = unit >= 0xd8_00 && unit <= 0xdf_ff && !isPair(text, at);
  return unit < 0x20 || isHalf ? 6 : utf8At(text, at);
}

/** Half a pair becomes U+FFFD. */
function utf8At(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0x80) return 1;
  if (unit < 0x8_00) return 2;
  return isPair(text, at) ? 4 : 3;
}

function isPair(text: string, at: number): boolean {
  const high = text.charCodeAt(at);
  const low = text.charCodeAt(at + 1);
  return high >= 0xd8_00 && high <= 0xdb_ff && low >= 0xdc_00 && low <= 0xdf_ff;
}
