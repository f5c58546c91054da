/**
 * Which request a piece of work belongs to, on its way through all processes. What comes in is any caller's text: it names no one and
 * decides nothing, and only what is well-formed is passed on or logged. Source: W3C Trace Context, level 2.
 */
import { z } from 'zod';

/** One span of a trace: a piece of work with a beginning and an end in one process. */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 of them. */
  readonly spanId: string;
  /** Bits of level 2: `SAMPLED`, and whether the trace id is random. */
  readonly flags: number;
}

/** The one who asks may have recorded its span. */
const SAMPLED = 0b01;
const RANDOM_ID = 0b10;
/** Flags that level 2 does not know are not passed on (section 3.2.2.5). */
const KNOWN_FLAGS = SAMPLED | RANDOM_ID;

/** Random bytes of the id of a trace. */
export const TRACE_BYTES = 16;
/** Random bytes of the id of a span. */
export const SPAN_BYTES = 8;
/** Random bytes that `beginTrace` takes. */
export const TRACE_RANDOM_BYTES = TRACE_BYTES + SPAN_BYTES;

/** Version 00 to the letter: nothing before, behind or between. */
const TRACEPARENT = /^00-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})$/;

/** The text of a `traceparent` that is passed on: 55 characters of version 00. */
export const traceparentSchema = z.string().regex(TRACEPARENT, 'must be a traceparent of version 00');

/** What a `traceparent` says; null where there is none, or one that is not well-formed: it counts as none then (section 4.3). */
export function parseTraceparent(text: string | null | undefined): TraceContext | null {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(text ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS };
}

/** The `traceparent` by which others go on from this span. */
export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${hex([flags])}`;
}

/** A new trace with its first span. `random`: `TRACE_RANDOM_BYTES` that the caller draws. */
export function beginTrace(random: Uint8Array): TraceContext {
  const traceId = hex(random.subarray(0, TRACE_BYTES));
  return { traceId, spanId: hex(random.subarray(TRACE_BYTES, TRACE_RANDOM_BYTES)), flags: KNOWN_FLAGS };
}

/** A new span in the same trace. `random`: at least `SPAN_BYTES` that the caller draws. */
export function continueTrace({ traceId, flags }: TraceContext, random: Uint8Array): TraceContext {
  return { traceId, spanId: hex(random.subarray(0, SPAN_BYTES)), flags };
}

/** As lines of a log name a span, by the names that OpenTelemetry has for these fields; null: they name none. */
export function traceFields(span: TraceContext | null): { trace_id?: string; span_id?: string } {
  return span === null ? {} : { trace_id: span.traceId, span_id: span.spanId };
}

/** Every byte as text: each request of the Worker draws a span. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex(bytes: Iterable<number>): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte] ?? '';
  return text;
}
