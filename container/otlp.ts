/**
 * Spans on their way to a collector, over OTLP/HTTP, by the libraries of OpenTelemetry. Loaded only where an endpoint is set: without
 * one, traces are passed on and nothing is kept (lib/tracer.ts).
 */
import { ROOT_CONTEXT, SpanKind as Kind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  ParentBasedSampler,
  type IdGenerator,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { SPAN_BYTES, TRACE_BYTES, formatTraceparent, parseTraceparent } from '#protocol';
import { isWorthALine } from './lib/log.ts';
import type { Platform } from './lib/platform.ts';
import { NO_SPAN, type Span, type SpanKind, type Tracer } from './lib/tracer.ts';

/** Spans that wait to be sent; past it the newest are left out. */
const MAX_WAITING = 2_048;
/** Spans in one request. */
const MAX_BATCH = 512;
/** Between two requests (ms), unless a batch is full before. */
const SPACING_MS = 5_000;
/** A request that is not answered is given up after this (ms), and its spans with it. */
const TIMEOUT_MS = 10_000;
/** The library gives a batch up by itself so much later (ms): what came of the request is known by then. */
const MARGIN_MS = 1_000;

export interface CollectorSettings {
  /** What stands before `/v1/traces`. */
  readonly endpoint: string;
  /** `service.name` of everything that is sent. */
  readonly serviceName: string;
  /** Default: `TIMEOUT_MS`. */
  readonly timeoutMs?: number;
}

/** A tracer whose spans are sent, and its end. */
export interface Collector {
  readonly tracer: Tracer;
  /** Sends what waits, once; resolves when that is answered or given up. Never rejects. */
  readonly close: () => Promise<void>;
}

/**
 * Sends the spans that the trace's beginner wants recorded (`sampled`). Nothing waits for it, and what cannot be sent is lost: after a
 * few retries of the library within `TIMEOUT_MS`, with a line in the log that comes ever more rarely. The library reads the headers of
 * its requests from `OTEL_EXPORTER_OTLP_HEADERS` by itself; they are secrets, and are held and logged nowhere here (T6).
 */
export function collector(
  { log, randomBytes }: Pick<Platform, 'log' | 'randomBytes'>,
  { endpoint, serviceName, timeoutMs = TIMEOUT_MS }: CollectorSettings,
): Collector {
  const url = `${endpoint.replace(/\/$/, '')}/v1/traces`;
  const exporter = loggedFailures(new OTLPTraceExporter({ url, timeoutMillis: timeoutMs }), log);
  const batches = {
    maxQueueSize: MAX_WAITING,
    maxExportBatchSize: MAX_BATCH,
    scheduledDelayMillis: SPACING_MS,
    exportTimeoutMillis: timeoutMs + MARGIN_MS,
  };
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName, 'service.instance.id': crypto.randomUUID() }),
    sampler: new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    idGenerator: idsFrom(randomBytes),
    spanProcessors: [new BatchSpanProcessor(exporter, batches)],
  });
  const tracer = provider.getTracer('reeve');
  const begin: Tracer['begin'] = (kind, name, parent, attributes): Span => {
    const context = parseTraceparent(parent);
    if (context === null) return NO_SPAN;
    const { traceId, spanId, flags: traceFlags } = context;
    const within = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
    const span = tracer.startSpan(name, { kind: KINDS[kind], attributes }, within);
    return {
      // With the flags as they came: the library passes on fewer of them.
      traceparent: formatTraceparent({ ...context, spanId: span.spanContext().spanId }),
      end: (failure, more = {}) => {
        span.setAttributes(more);
        if (failure !== null) span.setAttribute('error.type', failure).setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  };
  return { tracer: { begin }, close: () => provider.shutdown().catch(() => undefined) };
}

const KINDS: Readonly<Record<SpanKind, Kind>> = {
  internal: Kind.INTERNAL,
  client: Kind.CLIENT,
  consumer: Kind.CONSUMER,
};

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Ids from the same source as all others: the library's own are drawn by `Math.random`. */
const idsFrom = (randomBytes: Platform['randomBytes']): IdGenerator => ({
  generateTraceId: () => hex(randomBytes(TRACE_BYTES)),
  generateSpanId: () => hex(randomBytes(SPAN_BYTES)),
});

/** What the library says of a failure may quote what it sent: the log has its number and nothing else. */
function loggedFailures(exporter: SpanExporter, log: Platform['log']): SpanExporter {
  let failures = 0;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const isSent = result.error === undefined;
        if (isSent && failures > 0) log.info('spans_sent', { failures });
        failures = isSent ? 0 : failures + 1;
        if (!isSent && isWorthALine(failures)) log.warn('spans_not_sent', { spans: spans.length, failures });
        done(result);
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
