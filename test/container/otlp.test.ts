import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collector, type Collector } from '../../container/otlp.ts';
import { parseTraceparent } from '#protocol';
import { SpanReceiver, type ReceivedSpan } from './support/span-receiver.ts';
import { TestControlServer, message } from './support/control-server.ts';
import { KeptLog } from './support/log.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

let receiver: SpanReceiver;
let log: KeptLog;
const opened: Collector[] = [];
beforeEach(async () => {
  receiver = await SpanReceiver.listen();
  log = new KeptLog();
});
afterEach(async () => {
  receiver.status = 200;
  await Promise.all(opened.splice(0).map((one) => one.close()));
  receiver.close();
});

/** `timeoutMs`: short where nothing is to be answered, so that it is waited for; else longer than a busy machine takes. */
function open(endpoint = receiver.endpoint, timeoutMs = 20_000): Collector {
  const made = collector({ log, randomBytes }, { endpoint, serviceName: 'reeve-test', timeoutMs });
  opened.push(made);
  return made;
}

const named = (name: string): ReceivedSpan => {
  const found = receiver.spans.find((span) => span.name === name);
  if (found === undefined) throw new Error(`no span ${name} among ${receiver.spans.map((span) => span.name).join()}`);
  return found;
};

describe('spans', () => {
  it('of a delivery, its turn and the calls in it reach the collector as one chain', async () => {
    const { tracer, close } = open();
    const { control, session, issued } = await TestControlServer.withAgent({ tracer });
    await control.deliver(session, issued, { ...message(1, 'fail'), traceparent });
    await expect.poll(() => control.clock.advance(1000).then(() => control.town.events.length)).toBe(2);
    await close();
    const [receive, turn, report] = [named('receive'), named('invoke_agent'), named('POST')];
    expect([receive, turn, report].map(({ traceId }) => traceId)).toEqual([TRACE, TRACE, TRACE]);
    expect([receive.parentSpanId, turn.parentSpanId, report.parentSpanId]).toEqual([
      '00f067aa0ba902b7',
      receive.spanId,
      turn.spanId,
    ]);
    expect(turn.attributes).toMatchObject({ 'gen_ai.operation.name': 'invoke_agent', 'error.type': 'failed' });
    expect([receive.status.code, turn.status.code]).toEqual([0, 2]);
    const to = new URL(String(report.attributes['url.full']));
    expect(to.pathname).toBe('/v1/agent/events');
    // What every client span of HTTP has, by the semantic conventions.
    expect(report.attributes).toEqual({
      'http.request.method': 'POST',
      'url.full': to.href,
      'server.address': to.hostname,
      'server.port': 443,
      'http.response.status_code': 200,
    });
    expect(turn.resource).toMatchObject({ 'service.name': 'reeve-test' });
    const sent = control.town.requests.filter(({ path }) => path.endsWith('/events')).map((one) => one.traceparent);
    expect(sent.map((text) => parseTraceparent(text)?.spanId)).toContain(report.spanId);
    expect(JSON.stringify(receiver.spans)).not.toContain('token-of');
  });

  it('are none for what is not traced, and none where the trace is not to be recorded, which goes on all the same', async () => {
    const { tracer, close } = open();
    expect(tracer.begin('internal', 'untraced', null, {}).traceparent).toBeNull();
    expect(tracer.begin('internal', 'malformed', 'x', {}).traceparent).toBeNull();
    const span = tracer.begin('internal', 'unsampled', `00-${TRACE}-00f067aa0ba902b7-00`, {});
    span.end(null);
    expect(span.traceparent).toMatch(new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[\\da-f]{16}-00$`));
    await close();
    expect(receiver.requests).toEqual([]);
  });

  it.each([500, 400, null])(
    'that the collector does not take (%s) are lost with a line, and disturb nothing',
    async (status) => {
      receiver.status = status;
      const { tracer, close } = open(receiver.endpoint, status === null ? 300 : undefined);
      const { control, session, issued } = await TestControlServer.withAgent({ tracer });
      await control.deliver(session, issued, { ...message(1, 'hello'), traceparent });
      await expect
        .poll(() => control.clock.advance(1000).then(() => control.town.events.at(-1)?.type))
        .toBe('turn.finished');
      await close();
      expect(log.levels('spans_not_sent')).toEqual(['warn']);
      expect(receiver.spans).toEqual([]);
    },
  );

  it('for which nothing listens are lost with a line too', async () => {
    const { tracer, close } = open('http://127.0.0.1:9/', 300);
    tracer.begin('internal', 'one', traceparent, {}).end(null);
    await close();
    expect(log.lines).toMatchObject([{ level: 'warn', event: 'spans_not_sent', fields: { spans: 1, failures: 1 } }]);
  });

  it('wait in a bounded queue, beside the batch that is sent; past it the newest are left out', async () => {
    const { tracer, close } = open();
    for (let nth = 0; nth < 5_000; nth += 1) tracer.begin('internal', `${nth}`, traceparent, {}).end(null);
    await close();
    expect(receiver.spans.map(({ name }) => name)).toEqual(Array.from({ length: 512 + 2_048 }, (_, nth) => `${nth}`));
  });
});
