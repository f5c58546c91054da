import { request as send, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_TOOL_BODY_BYTES, MAX_TOOL_REQUESTS } from '../../../container/tools/tool-door.ts';
import type { ToolAccess } from '../../../container/tools/tool-server.ts';
import { settle } from '../support/manual-clock.ts';
import { ToolScene, say } from './support/tool-scene.ts';

let scene: ToolScene;
beforeEach(() => void (scene = new ToolScene()));
afterEach(() => scene.end());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const LIST = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' });

/** Sends one request as it stands: `fetch` would not let a test choose Host and Origin. */
function ask(
  { url, headers }: ToolAccess,
  { method = 'POST', body = LIST, ...other }: { method?: string; body?: string; path?: string; headers?: object } = {},
): Promise<Answer> {
  const { hostname, port, pathname, host } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = send({
      method,
      hostname,
      port,
      path: other.path ?? pathname,
      agent: false,
      headers: {
        host,
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        [headers[0].name]: headers[0].value,
        ...other.headers,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text });
      });
    });
    outgoing.end(['POST', 'PUT'].includes(method) ? body : undefined);
  });
}

const isListening = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('connect', () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });

describe('the way to the tools', () => {
  it('is on loopback, behind a path and a bearer that are new for each incarnation', async () => {
    const [one, two] = [(await scene.open()).servers[0], (await scene.open()).servers[0]];
    for (const { type, name, url, headers } of [one, two]) {
      expect([type, name]).toEqual(['http', 'reeve']);
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp\/[\w-]{43}$/);
      expect(headers[0]).toMatchObject({
        name: 'authorization',
        value: expect.stringMatching(/^Bearer [\w-]{43}$/) as string,
      });
    }
    expect(new URL(one.url).port).toBe(new URL(two.url).port);
    expect(new Set([one, two].flatMap(({ url, headers }) => [url, headers[0].value])).size).toBe(4);
    expect((await ask(one)).status).toBe(200);
  });

  it('is closed to a path that is not there, and to the bearer of another agent', async () => {
    const [one, two] = [(await scene.open()).servers[0], (await scene.open()).servers[0]];
    const [own] = one.headers;
    expect((await ask(one, { path: '/mcp/' })).status).toBe(404);
    expect((await ask(one, { path: `${new URL(one.url).pathname}/` })).status).toBe(404);
    const crossed = await ask({ ...one, headers: two.headers });
    expect([crossed.status, crossed.headers['www-authenticate'], crossed.body]).toEqual([
      401,
      'Bearer realm="reeve"',
      '',
    ]);
    expect((await ask(one, { headers: { authorization: own.value.slice(0, -1) } })).status).toBe(401);
    expect((await ask(one, { headers: { authorization: '' } })).status).toBe(401);
  });

  it('is closed to a Host and an Origin that are not its own: a name that was bound anew leads here too', async () => {
    const { servers } = await scene.open();
    const { host, port } = new URL(servers[0].url);
    for (const name of ['evil.example', `evil.example:${port}`, `localhost:${port}`, '127.0.0.1']) {
      expect((await ask(servers[0], { headers: { host: name } })).status, name).toBe(403);
    }
    for (const origin of ['null', 'https://evil.example', `https://${host}`]) {
      expect((await ask(servers[0], { headers: { origin } })).status, origin).toBe(403);
    }
    expect((await ask(servers[0], { headers: { origin: `http://${host}` } })).status).toBe(200);
  });

  it.each(['GET', 'DELETE', 'PUT', 'OPTIONS'])('answers %s with 405', async (method) => {
    const { servers } = await scene.open();
    const { status, headers } = await ask(servers[0], { method });
    expect([status, headers.allow]).toEqual([405, 'POST']);
  });

  it('takes a body at its limit, and none that is one byte longer, however it comes', async () => {
    const { servers } = await scene.open();
    const ofLength = (bytes: number): string => LIST.padEnd(bytes, ' ');
    expect((await ask(servers[0], { body: ofLength(MAX_TOOL_BODY_BYTES) })).status).toBe(200);
    expect((await ask(servers[0], { body: ofLength(MAX_TOOL_BODY_BYTES + 1) })).status).toBe(413);
    const headers = { 'transfer-encoding': 'chunked' };
    expect((await ask(servers[0], { body: ofLength(MAX_TOOL_BODY_BYTES + 1), headers })).status).toBe(413);
  });

  it.each([
    ['what is not JSON', '{', 400],
    ['what is no message of the protocol', '{"x":1}', 400],
    ['nothing', '', 400],
  ])('answers %s with an error', async (_what, body, status) => {
    const { servers } = await scene.open();
    expect((await ask(servers[0], { body })).status).toBe(status);
  });

  it('lets one agent have so many requests under way, and no more', async () => {
    const { servers } = await scene.open({
      town: () => ({ ...scene.town.of('ada'), peers: () => new Promise(() => {}) }),
    });
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'peers' } });
    const waiting = Array.from({ length: MAX_TOOL_REQUESTS }, () => ask(servers[0], { body }));
    while (scene.clock.pending < MAX_TOOL_REQUESTS) await settle();
    expect((await ask(servers[0])).status).toBe(429);
    scene.turn?.end();
    await Promise.all(waiting);
    expect((await ask(servers[0])).status).toBe(200);
  });

  it('counts each request of a batch', async () => {
    const { servers } = await scene.open({
      town: () => ({ ...scene.town.of('ada'), peers: () => new Promise(() => {}) }),
    });
    const batchOf = (count: number): string =>
      JSON.stringify(
        Array.from({ length: count }, (_, id) => ({
          jsonrpc: '2.0',
          id,
          method: 'tools/call',
          params: { name: 'peers' },
        })),
      );
    expect((await ask(servers[0], { body: batchOf(MAX_TOOL_REQUESTS + 1) })).status).toBe(429);
    const waiting = ask(servers[0], { body: batchOf(MAX_TOOL_REQUESTS) });
    while (scene.clock.pending < MAX_TOOL_REQUESTS) await settle();
    expect((await ask(servers[0])).status).toBe(429);
    scene.turn?.end();
    expect((await waiting).status).toBe(200);
    expect((await ask(servers[0], { body: batchOf(MAX_TOOL_REQUESTS) })).status).toBe(200);
  });

  it('ends a call whose caller goes away', async () => {
    const { servers } = await scene.open({
      town: () => ({ ...scene.town.of('ada'), peers: () => new Promise(() => {}) }),
    });
    const going = new AbortController();
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'peers' } });
    const [{ name, value }] = servers[0].headers;
    const headers = {
      [name]: value,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
    };
    const asked = fetch(servers[0].url, { method: 'POST', headers, body, signal: going.signal }).catch(() => null);
    while (scene.clock.pending === 0) await settle();
    going.abort();
    expect(await asked).toBeNull();
    while (scene.clock.pending > 0) await settle();
    expect(scene.log.lines.at(-1)?.fields).toMatchObject({ tool: 'peers', outcome: 'over' });
  });

  it('logs what it refuses at first and then ever more rarely, without a secret', async () => {
    const { servers } = await scene.open();
    for (let asked = 0; asked < 12; asked += 1)
      await ask(servers[0], { headers: { authorization: 'Bearer wrong-word' } });
    expect(scene.log.lines.map(({ event, fields }) => [event, fields['reason'], fields['refusals']])).toEqual(
      [1, 2, 3, 10].map((refusals) => ['tools_refused', 'bearer', refusals]),
    );
    const { pathname } = new URL(servers[0].url);
    for (const secret of [pathname, servers[0].headers[0].value.slice(7), 'wrong-word']) {
      expect(scene.log.text()).not.toContain(secret);
    }
  });
});

describe('the end of an incarnation', () => {
  it('closes its way and no other, and the last one the listener', async () => {
    const [one, two] = [await scene.open(), await scene.open()];
    await one.close();
    await one.close();
    expect((await ask(one.servers[0])).status).toBe(404);
    expect((await ask(two.servers[0])).status).toBe(200);
    expect(scene.server.size).toBe(1);
    await two.close();
    expect(scene.server.size).toBe(0);
    expect(await isListening(two.servers[0].url)).toBe(false);
    const three = await scene.open();
    expect((await ask(three.servers[0])).status).toBe(200);
  });

  it('ends its calls under way, and connections that are kept open', async () => {
    const tools = await scene.open({ town: () => ({ ...scene.town.of('ada'), peers: () => new Promise(() => {}) }) });
    const client = await scene.connect(tools.servers[0]);
    const said = say(client, 'peers').catch(() => null);
    while (scene.clock.pending === 0) await settle();
    await tools.close();
    await said;
    expect(scene.clock.pending).toBe(0);
  });

  const listeners = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap').length;

  it('K-03: 300 starts and ends leave no way, no listener and no timer', async () => {
    const before = listeners();
    for (let round = 0; round < 100; round += 1) {
      const opened = await Promise.all([scene.open(), scene.open(), scene.open()]);
      if (round % 25 === 0) expect((await ask(opened[0].servers[0])).status).toBe(200);
      await Promise.all(opened.map((tools) => tools.close()));
    }
    expect([scene.server.size, scene.clock.pending]).toEqual([0, 0]);
    // A handle is let go of in the turn after its close was reported.
    await settle();
    expect(listeners()).toBe(before);
  });
});
