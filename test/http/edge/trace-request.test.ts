import { describe, expect, test } from 'vitest';
import { OWN, makeScene, type EdgeScene, type Given } from '../../support/fake-edge.ts';
import { CONTAINER_SECRET } from '../../support/bindings.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const traceparent = `00-${TRACE}-${SPAN}-01`;
const MARK = 'zx81-marker';

/** The line of one request. */
async function lineOf(
  scene: EdgeScene,
  method: string,
  path: string,
  given?: Given,
): Promise<EdgeScene['requests'][number]> {
  const before = scene.requests.length;
  await scene.send(method, path, given);
  const [line, ...more] = scene.requests.slice(before);
  if (line === undefined || more.length > 0)
    throw new Error(`${method} ${path} has ${more.length} more lines, or none`);
  return line;
}

describe('a request', () => {
  test('has one line with what it asked for, by whom and in which town, and what it came to', async () => {
    let now = Date.parse('2026-11-26T12:00:00Z');
    const scene = await makeScene({}, { now: () => (now += 7) });
    const line = await lineOf(scene, 'GET', `/v1/towns/${OWN}/agents?limit=3`, { headers: { 'x-request-id': 'r-17' } });
    const { duration_ms: durationMs, ...rest } = line;
    expect(rest).toEqual({
      request_id: 'r-17',
      trace_id: expect.stringMatching(/^[\da-f]{32}$/),
      span_id: expect.stringMatching(/^[\da-f]{16}$/),
      method: 'GET',
      route: '/v1/towns/:town/agents',
      status: 200,
      caller: 'person',
      town: OWN,
    });
    expect(durationMs).toBeGreaterThanOrEqual(7);
  });

  test('is a new span in the trace that its caller names, and begins one where it names none', async () => {
    const scene = await makeScene();
    const path = `/v1/towns/${OWN}`;
    const lines = [
      await lineOf(scene, 'GET', path, { headers: { traceparent } }),
      await lineOf(scene, 'GET', path, { headers: { traceparent } }),
      await lineOf(scene, 'GET', path, { headers: { traceparent: `${traceparent}-x` } }),
      await lineOf(scene, 'GET', path),
    ];
    const [one, two, malformed, none] = lines.map(({ trace_id: id }) => id);
    expect([one, two]).toEqual([TRACE, TRACE]);
    expect(new Set([TRACE, malformed, none]).size).toBe(3);
    expect(new Set([SPAN, ...lines.map(({ span_id: id }) => id)]).size).toBe(5);
  });

  test('has its line where it is refused and where it fails too, with the same names as what else is said of it', async () => {
    const scene = await makeScene();
    const refused = await lineOf(scene, 'GET', '/v1/agent/peers', { bearer: 'not-one', headers: { traceparent } });
    expect(refused).toMatchObject({ status: 401, caller: 'anyone', town: null, trace_id: TRACE });
    scene.town.instead = () => {
      throw new Error('no');
    };
    const failed = await lineOf(scene, 'GET', `/v1/towns/${OWN}`, { headers: { traceparent } });
    expect(failed).toMatchObject({ status: 500, caller: 'person', trace_id: TRACE });
    for (const [event, line] of [
      ['token.refused', refused],
      ['request.failed', failed],
    ] as const) {
      const { request_id, trace_id, span_id } = line;
      expect(scene.log.find((one) => one.event === event)?.fields).toMatchObject({ request_id, trace_id, span_id });
    }
    expect(await lineOf(scene, 'GET', '/nowhere')).toMatchObject({ status: 404, caller: 'anyone' });
  });

  test('names its caller by the credential that was accepted', async () => {
    const scene = await makeScene();
    const bearer = await scene.agentToken();
    const agent = await lineOf(scene, 'GET', '/v1/agent/peers', { bearer });
    expect(agent).toMatchObject({ route: '/v1/agent/peers', caller: 'agent', town: OWN });
    const hello = await lineOf(scene, 'POST', '/v1/container/hello', {
      bearer: CONTAINER_SECRET,
      json: { version: 1 },
    });
    expect(hello).toMatchObject({ status: 202, caller: 'container', town: null });
  });

  test('that probes, caches and agents at work make again and again has a line only where something is wrong', async () => {
    const scene = await makeScene({ ALLOWED_ORIGINS: 'https://chat.example.com' });
    await scene.send('GET', '/healthz');
    await scene.send('GET', '/.well-known/jwks.json');
    await scene.send('OPTIONS', `/v1/towns/${OWN}`, {
      headers: { origin: 'https://chat.example.com', 'access-control-request-method': 'GET' },
    });
    expect(scene.requests).toEqual([]);
    expect(await lineOf(scene, 'POST', '/v1/agent/heartbeat', { bearer: null })).toMatchObject({ status: 401 });
  });

  test('shows nothing in its line that its caller put into address, headers or body (T6)', async () => {
    const scene = await makeScene();
    for (const [method, path] of [
      ['GET', `/v1/towns/${OWN}?cursor=${MARK}`],
      ['GET', `/v1/towns/${MARK}`],
      ['POST', `/v1/towns/${OWN}/agents/${MARK}/messages`],
      ['GET', `/${MARK}`],
      [MARK, '/v1/towns'],
    ] as const) {
      const json = method === 'POST' ? { json: { content: MARK } } : {};
      await scene.send(method, path, {
        ...json,
        headers: { traceparent: `00-${MARK}`, tracestate: MARK, 'x-request-id': 'a b', 'user-agent': MARK },
      });
    }
    expect(scene.requests).toHaveLength(5);
    expect(JSON.stringify([scene.log, scene.requests])).not.toContain(MARK);
  });
});

describe('a message', () => {
  test('goes to its town with the span of the request that brought it', async () => {
    const scene = await makeScene();
    const line = await lineOf(scene, 'POST', `/v1/towns/${OWN}/agents/ada/messages`, {
      json: { content: 'hello' },
      headers: { traceparent },
    });
    const sent = JSON.stringify(scene.calls.findLast(({ method }) => method === 'sendMessage'));
    expect(sent).toContain(`00-${TRACE}-${String(line['span_id'])}-01`);
  });
});
