/** What a collector is to one who sends it spans: OTLP/HTTP in JSON on loopback, as a small honest program. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const anyValue = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }) => stringValue),
  z.object({ intValue: z.number() }).transform(({ intValue }) => intValue),
  z.object({ doubleValue: z.number() }).transform(({ doubleValue }) => doubleValue),
]);
const attributes = z
  .array(z.object({ key: z.string(), value: anyValue }))
  .transform((list) => Object.fromEntries(list.map(({ key, value }) => [key, value])));
const nanos = z.string().regex(/^\d{19}$/);
const spanSchema = z.object({
  traceId: z.string().regex(/^[\da-f]{32}$/),
  spanId: z.string().regex(/^[\da-f]{16}$/),
  parentSpanId: z.string().regex(/^[\da-f]{16}$/),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: nanos,
  endTimeUnixNano: nanos,
  attributes,
  status: z.object({ code: z.number() }),
});
/** The request of OTLP: `ExportTraceServiceRequest` in the JSON mapping of its specification. */
const requestSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(z.object({ scope: z.object({ name: z.string() }), spans: z.array(spanSchema) })),
    }),
  ),
});
export type ReceivedSpan = z.infer<typeof spanSchema> & { readonly resource: z.infer<typeof attributes> };

export class SpanReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly requests: { readonly path: string; readonly headers: IncomingMessage['headers'] }[] = [];
  /** What it answers; null: nothing, and the connection stays open. */
  status: number | null = 200;
  readonly #server: Server;
  readonly endpoint: string;

  private constructor(server: Server) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.endpoint = `http://127.0.0.1:${port}`;
    server.on('request', (request, response) => {
      void text(request).then((body) => {
        this.requests.push({ path: request.url ?? '', headers: request.headers });
        if (this.status === null) return;
        if (this.status === 200) this.#take(body);
        response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
      });
    });
  }

  static async listen(): Promise<SpanReceiver> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SpanReceiver(server);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(body: string): void {
    for (const { resource, scopeSpans } of requestSchema.parse(JSON.parse(body)).resourceSpans) {
      for (const { spans } of scopeSpans) {
        this.spans.push(...spans.map((span) => ({ ...span, resource: resource.attributes })));
      }
    }
  }
}

async function text(request: IncomingMessage): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part as Uint8Array);
  return Buffer.concat(parts).toString('utf8');
}
