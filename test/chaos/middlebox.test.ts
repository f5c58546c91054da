import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/ports.ts';
import { agentId } from '../support/ids.ts';
import { Middlebox } from './middlebox.ts';
import type { Lie } from './schedule.ts';

/** What the server behind it was asked, by its bodies. */
let asked: string[];
let server: Server;
let middlebox: Middlebox;
let url: string;

beforeEach(async () => {
  asked = [];
  const [port, target] = [await freePort(), await freePort()];
  server = createServer((incoming, outgoing) => {
    incoming.on('data', (body: Buffer) => asked.push(body.toString()));
    incoming.on('end', () =>
      outgoing.writeHead(401, { 'content-type': 'application/json' }).end('{"code":"agent_stopped"}'),
    );
  }).listen(target, '127.0.0.1');
  await once(server, 'listening');
  middlebox = await Middlebox.open({ port, target, random: () => 0.01 });
  url = `http://127.0.0.1:${port}/v1`;
});

afterEach(() => {
  middlebox.close();
  server.close();
  server.closeAllConnections();
});

const post = (headers: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: 'POST', body: 'a body', headers });

describe('a middlebox', () => {
  test('hands on what it does not lie about', async () => {
    const answer = await post();
    expect([answer.status, await answer.json(), asked]).toEqual([401, { code: 'agent_stopped' }, ['a body']]);
  });

  test.each([
    ['html', 200],
    ['forbidden', 403],
    ['too_large', 413],
    ['bad_gateway', 502],
  ] as const)('answers %s with %i by itself, in HTML', async (lie, status) => {
    middlebox.begin(lie, 1);
    const answer = await post();
    expect([answer.status, answer.headers.get('content-type'), asked]).toEqual([status, 'text/html', []]);
  });

  test.each([
    ['reset', 0],
    ['drop', 1],
  ] as const)('ends the connection: with %s its server is asked %i times', async (lie, times) => {
    middlebox.begin(lie, 1);
    await expect(post()).rejects.toThrow(TypeError);
    expect(asked).toHaveLength(times);
  });

  test('asks twice, and answers once', async () => {
    middlebox.begin('twice', 1);
    expect((await post()).status).toBe(401);
    expect(asked).toEqual(['a body', 'a body']);
  });

  test('lies about its share of the requests, until it is told to end', async () => {
    middlebox.begin('forbidden', 0.01);
    const end = middlebox.begin('html', 0.02);
    expect((await post()).status).toBe(200);
    end();
    expect((await post()).status).toBe(401);
  });

  test('writes down what the server itself answered to an agent, whatever became of it, and nothing of the token', async () => {
    const claims = { agent: agentId(1), inc: 2, gen: 3, iat: 1_800_000_000 };
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32));
    const lies: Lie[] = ['twice', 'slow'];
    for (const lie of lies) {
      const end = middlebox.begin(lie, 1);
      await post({ authorization: `Bearer ${token}` });
      end();
    }
    await post({ authorization: 'Bearer a-secret-of-a-session' });
    const { agent, inc, gen, iat } = claims;
    const call = { agent, inc, gen, issuedAt: iat * 1000, status: 401, code: 'agent_stopped' };
    expect(middlebox.calls).toEqual(
      [call, call, call].map((one) => ({ ...one, at: expect.any(Number), until: expect.any(Number) })),
    );
  });
});
