/**
 * What this program does for a traced request, as spans: each passes the trace on to what is asked of others within it. Whether spans
 * are collected too is the tracer's business.
 */
import { SPAN_BYTES, continueTrace, formatTraceparent, parseTraceparent } from '#protocol';

/** Names as OpenTelemetry has them; values are codes, ids and numbers, as in the log (T6). */
export type Attributes = Readonly<Record<string, string | number>>;
/** What a span is to the one that it follows: work of its own, a request to another program, or taking in what another one sent. */
export type SpanKind = 'internal' | 'client' | 'consumer';

/** A piece of work under way. */
export interface Span {
  /** By which others go on from it; null: nothing traced is behind it. */
  readonly traceparent: string | null;
  /** It is over; called once. `failure`: a code for why nothing came of it. */
  end(failure: string | null, attributes?: Attributes): void;
}

/** No method throws. */
export interface Tracer {
  /** Begins a span within the one that `parent` names; null: nothing traced asked for it, and no trace begins here. */
  begin(kind: SpanKind, name: string, parent: string | null, attributes: Attributes): Span;
}

/** What is done for nothing that is traced. */
export const NO_SPAN: Span = { traceparent: null, end: () => undefined };

/** Passes traces on, and collects nothing. `randomBytes`: a cryptographic source. */
export function passingTracer(randomBytes: (count: number) => Uint8Array): Tracer {
  return {
    begin: (_kind, _name, parent) => {
      const context = parseTraceparent(parent);
      if (context === null) return NO_SPAN;
      return { traceparent: formatTraceparent(continueTrace(context, randomBytes(SPAN_BYTES))), end: () => undefined };
    },
  };
}
