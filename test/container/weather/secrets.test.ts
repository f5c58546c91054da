/** W-22 and T6: whatever goes wrong, neither a token nor what the issuer said reaches a log line, an error or an answer. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MAX_AUTHORIZATION_BYTES, MAX_CONTROL_BODY_BYTES, openSessionSchema, type IssuedToken } from '#protocol';
import type { Spawn } from '../../../container/agents/agent-process.ts';
import { AgentNotLive } from '../../../container/clients/registry.ts';
import { errorFields } from '../../../container/lib/log.ts';
import { AgentScene, SECONDS } from '../support/agent-scene.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { problemAnswer, type TownRequest } from '../support/fake-town-api.ts';
import { agentId, containerName, secretOf, sessionId } from '../../support/ids.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import { keySetOf, sendTo, signPush } from '../support/push.ts';
import { faultsOf, printed, type Marks } from './support/line-scan.ts';

/** Tokens of this town are not JWS, so they are looked for by how they begin. */
const known: Marks = {
  'an agent’s token': 'token-of-',
  'the session’s secret': secretOf(1).slice(0, 20),
  'what the issuer said': 'issuer-body-marker',
  'what a person said': 'a-private-matter-marker',
};
const PAGE = '<html>issuer-body-marker: your token was token-of-agt_';

function faultsOfAll(lines: readonly string[]): string[] {
  return lines.flatMap((line) => faultsOf(line, known).map((fault) => `${fault}: ${line.slice(0, 120)}`));
}

describe('W-22: a noisy life', () => {
  /** Every way in which the town can fail, in turn; each answer and each error quotes what it was sent. */
  const noises: ((request: TownRequest) => Response | Promise<Response>)[] = [
    ({ bearer }) => new Response(`${PAGE} ${bearer}`, { status: 500 }),
    ({ bearer }) => Response.json({ code: 'invalid_token', token: bearer, detail: PAGE }, { status: 401 }),
    ({ bearer, body }) => Promise.reject(new TypeError(`bad header Bearer ${bearer}\n    at ${bearer} (${body})`)),
    ({ bearer }) => Response.json({ error: `no ${bearer}`, access_token: bearer }, { status: 403 }),
    ({ bearer }) => Response.json({ token: bearer, agent: agentId(2), issued_at: PAGE }),
    ({ bearer }) => new Response(bearer, { status: 302, headers: { location: `https://evil.example/${bearer}` } }),
    ({ bearer }) => new Response(PAGE, { status: 429, headers: { 'retry-after': bearer } }),
    () => problemAnswer('misconfigured'),
  ];

  it('W-22: every line of the log holds codes, statuses, ids and generations, and nothing else', async () => {
    const failing: Spawn = (launch) => Promise.reject(new Error(`no command for ${secretOf(1)} of ${launch.name}`));
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const broken = await TestControlServer.make({
      clock: control.clock,
      town: control.town,
      key: control.key,
      spawn: failing,
    });
    const answers: string[] = [];
    const keep = async (response: Response): Promise<void> => void answers.push(await response.text());
    const cause = new Error(`a client quotes ${issued.token}`, { cause: new Error(issued.token) });
    control.registry.register(agent, { setToken: () => Promise.reject(cause) });
    control.registry.register(agent, {
      setToken: () => {
        throw cause;
      },
    });
    await control.deliver(session, issued, message(1, 'a-private-matter-marker'), message(2, 'work 900'));

    let nth = 0;
    control.town.intercept = (request) => noises[nth++ % noises.length]?.(request);
    for (let minutes = 0; minutes < 15; minutes += 1) {
      await control.clock.advance(60 * SECONDS);
      await control.refresh(session, control.town.mint(agent));
    }
    control.town.intercept = () => undefined;
    // Pushes of every kind that is refused, their tokens being the things that must not show.
    const body = JSON.stringify({ grant: issued });
    const order = control.order(session, 'POST', `/agents/${agent}/refresh-token`, { grant: issued });
    const foreign = await newKey('active');
    const pushes = [
      await signPush(foreign, order),
      await signPush({ ...foreign, kid: control.key.kid }, order),
      await signPush(control.key, { ...order, nowMs: order.nowMs - 600_000 }),
      await signPush(control.key, order, { claims: { htu: '/elsewhere' } }),
      await signPush(control.key, order, { header: { jku: `https://evil.example/${issued.token}` } }),
      issued.token,
      'x'.repeat(MAX_AUTHORIZATION_BYTES),
    ];
    for (const token of pushes) await keep(await control.send({ ...order, body }, token));
    await keep(
      await control.push(session, 'POST', `/agents/${agent}/start`, {
        inc: issued.token,
        grant: issued,
        name: '',
        role: 1,
      }),
    );
    await keep(
      await control.push(session, 'POST', `/agents/${agent}/messages`, { grant: issued, [issued.token]: issued.token }),
    );
    const large = { ...order, body: body.padEnd(MAX_CONTROL_BODY_BYTES + 1) };
    await keep(await control.send(large, await signPush(control.key, large)));
    const lost = { ...issued, agent: agentId(3) };
    await keep(await control.push(session, 'POST', '/agents/refresh-tokens', { grants: [issued, lost] }));
    // A token where an address is expected, by an operator's mistake.
    for (const path of [`/agents/${issued.token}/start`, `/${issued.token}?token=${issued.token}`]) {
      await keep(
        await control.server.app.fetch(new Request(`http://control.example${path}`, { method: 'POST', body })),
      );
    }
    // A process that cannot be started, and sessions that end.
    const held = { ...session, id: sessionId(2), epoch: 2 };
    await broken.openSession(held);
    const begun = { inc: 1, name: 'ada', role: 'worker', grant: issued, runtime: null };
    await keep(await broken.push(held, 'POST', `/agents/${agent}/start`, begun));
    await keep(await control.openSession({ ...session, id: sessionId(3), epoch: 3 }));
    await keep(await control.push(session, 'GET', '/agents'));
    await control.server.shutdown();

    const lines = printed(control.clock, [...control.log.lines, ...broken.log.lines]).map(({ line }) => line);
    const events = new Set(control.log.lines.map(({ event }) => event));
    for (const event of ['push_refused', 'client_failed', 'town_unreachable', 'session', 'keys_not_fetched']) {
      expect(events).toContain(event);
    }
    expect(lines.length).toBeGreaterThan(50);
    expect(faultsOfAll(lines)).toEqual([]);
    expect(answers.length).toBeGreaterThan(10);
    expect(answers.flatMap((text) => faultsOfAll([JSON.stringify({ reason: text })]))).toEqual([]);
  });

  it('W-22: pulls and terminal ends say code, agent and incarnation', async () => {
    const scene = new AgentScene();
    scene.town.refuse(scene.first);
    for (const noise of noises) {
      scene.town.intercept = (request) => (request.path.endsWith('/token') ? noise(request) : undefined);
      const call = scene.beat();
      await scene.clock.advance(10 * SECONDS);
      await call;
      await scene.clock.advance(60 * SECONDS);
    }
    scene.town.intercept = () => problemAnswer('agent_revoked');
    await scene.beat();
    const lines = printed(scene.clock, scene.log.lines).map(({ line }) => line);
    expect(faultsOfAll(lines)).toEqual([]);
    expect(scene.log.lines.at(-1)).toEqual({
      level: 'warn',
      event: 'agent_over',
      fields: { agent: scene.agent, inc: 1, code: 'agent_revoked' },
    });
    expect(lines.filter((line) => line.includes('pull_failed')).length).toBeGreaterThan(4);
  });
});

describe('W-22: errors', () => {
  it('W-22: of a message only kind, code and place are kept, also where the message looks like a place', () => {
    const messages = [
      'token-of-agt_1',
      'bad\ntoken-of-agt_1',
      'bad\n    at token-of-agt_1 (file:1:1)',
      '\n    at token-of-agt_1\n    at token-of-agt_1',
      '    at token-of-agt_1',
    ];
    for (const text of messages) {
      const thrown = new RangeError(text);
      const fields = errorFields(thrown);
      expect(JSON.stringify(fields)).not.toContain('token-of');
      expect(fields).toMatchObject({ error: 'RangeError' });
      expect(fields['frames']).toContain('secrets.test.ts');
    }
  });

  it('W-22: a token that cannot be a header, and looks like a stack, stays out of the log', async () => {
    const scene = new AgentScene();
    scene.entry.swap({
      ...scene.town.mint(scene.agent),
      token: 'a\n    at token-of-agt_1 (x:1:1)\n    at token-of-agt_2',
    });
    expect((await scene.beat()).kind).toBe('unreachable');
    expect(scene.log.levels('town_unreachable')).toEqual(['warn']);
    expect(scene.log.text()).not.toContain('token-of');
  });

  it('W-22: what is thrown at a plugin names the agent only', async () => {
    const { control } = await TestControlServer.withAgent();
    const register = (): unknown => control.registry.register(agentId(9), { setToken: () => {} });
    expect(register).toThrow(AgentNotLive);
    expect(register).toThrow(new AgentNotLive(`${agentId(9)} is not live in this process`));
  });
});

describe('W-22: the real program', () => {
  const running: { kill(signal: 'SIGKILL'): unknown }[] = [];
  const servers: Server[] = [];
  const folders: string[] = [];
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
    for (const server of servers.splice(0)) server.close();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  it('W-22: against a Worker that quotes whatever it is sent, neither stdout nor stderr holds a secret', async () => {
    const key = await newKey('active');
    const stateDir = mkdtempSync(join(tmpdir(), 'reeve-agents-'));
    folders.push(stateDir);
    const quoting = createServer((request, response) => {
      const said = `issuer-body-marker ${request.headers.authorization ?? ''}`;
      const isHello = request.url?.endsWith('/hello') === true;
      if (request.url?.endsWith('/events') === true) request.socket.destroy();
      else response.writeHead(isHello ? 401 : 500, { 'content-type': 'text/html', 'x-quoted': said }).end(said);
    }).listen(0, '127.0.0.1');
    servers.push(quoting);
    await once(quoting, 'listening');
    const town = `http://127.0.0.1:${z.object({ port: z.number() }).parse(quoting.address()).port}`;
    const environment = {
      REEVE_API_URL: town,
      REEVE_JWKS: JSON.stringify(keySetOf(key)),
      CONTAINER_PORT: '0',
      CONTAINER_SECRET: 'container-secret-marker',
      AGENT_STATE_DIR: stateDir,
    };
    const main = fileURLToPath(new URL('../../../container/main.ts', import.meta.url));
    const child = spawn(process.execPath, [main], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await expect.poll(() => output).toContain('"ready"');
    const ready = z.object({ port: z.number(), boot: z.string() });
    const { port, boot } = ready.parse(JSON.parse(output.split('\n').find((line) => line.includes('"ready"')) ?? ''));

    const container = containerName(1);
    const sent = sendTo(`http://127.0.0.1:${port}`, key, town, container);
    const send = async (...order: Parameters<typeof sent>): Promise<number> => (await sent(...order)).status;
    const session = sessionId(1);
    const opening = { version: 1, container, session, epoch: 1, secret: secretOf(1), heartbeat_seconds: 1 };
    expect(await send(boot, 'PUT', '/session', openSessionSchema.parse(opening))).toBe(200);
    const nowMs = Date.now();
    const agent = agentId(1);
    const issued: IssuedToken = {
      agent,
      inc: 1,
      gen: 1,
      jti: 'jti-0001',
      token: `token-of-${agent}\n    at token-of-${agent} (x:1:1)`,
      issued_at: new Date(nowMs).toISOString(),
      expires_at: new Date(nowMs + 3_600_000).toISOString(),
    };
    expect(
      await send(session, 'POST', `/agents/${agent}/start`, {
        inc: 1,
        name: 'a',
        role: 'b',
        grant: issued,
        runtime: null,
      }),
    ).toBe(200);
    const delivery = { inc: 1, grant: issued, messages: [message(1, 'work 60')] };
    expect(await send(session, 'POST', `/agents/${agent}/messages`, delivery)).toBe(200);
    // First a token that cannot be a header, then one that can, and is quoted by the Worker.
    await expect.poll(() => output).toContain('heartbeat_lost');
    const plain = { ...issued, gen: 2, jti: 'jti-0002', token: `token-of-${agent}-2` };
    expect(await send(session, 'POST', `/agents/${agent}/refresh-token`, { grant: plain })).toBe(200);
    await expect.poll(() => output.split('heartbeat_lost').length).toBeGreaterThan(3);
    expect(await send(sessionId(9), 'POST', '/agents/refresh-tokens', { grants: [plain] })).toBe(409);
    expect(await send(session, 'POST', `/agents/${agent}/refresh-token`, { grants: plain.token })).toBe(400);
    expect(await send(session, 'POST', `/agents/${agent}/stop`, { inc: 1 })).toBe(200);
    child.kill('SIGTERM');
    await once(child, 'close');

    const lines = output.split('\n').filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(6);
    expect(output).toContain('hello_refused');
    const secrets: Marks = { ...known, 'the container’s secret': 'container-secret-marker' };
    expect(lines.flatMap((line) => faultsOf(line, secrets).map((fault) => `${fault}: ${line.slice(0, 200)}`))).toEqual(
      [],
    );
  });
});
