/** Those who read a token, hold it, or are given it: what they see while it changes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { IssuedToken } from '#protocol';
import { Registry } from '../../../container/clients/registry.ts';
import { Cell } from '../../../container/clients/cell.ts';
import { requestTown } from '../../../container/clients/town-request.ts';
import { AgentScene, HEARTBEAT, SECONDS, AgentContext } from '../support/agent-scene.ts';
import { TestControlServer, message } from '../support/control-server.ts';
import { FakeTownApi, problemAnswer } from '../support/fake-town-api.ts';
import { agentId, sessionId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';
import { KeptConnection, Listener } from './support/kept-connection.ts';

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const one of closing.splice(0)) one.close();
});

async function connected(count: number): Promise<{ listener: Listener; clients: KeptConnection[] }> {
  const listener = new Listener();
  const port = await listener.listen();
  const clients = Array.from({ length: count }, () => new KeptConnection(port));
  closing.push(listener, ...clients);
  return { listener, clients };
}

describe('A-20: a client that holds a connection', () => {
  it('A-20: gets setToken on each swap, and its next request over the same connection sends the new token', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const { listener, clients } = await connected(1);
    const [client] = clients;
    if (client === undefined) throw new Error('one was asked for');
    control.registry.register(agent, client);
    await client.send();
    const sent = [issued];
    for (let swaps = 0; swaps < 5; swaps += 1) {
      const fresh = control.town.mint(agent);
      expect((await control.refresh(session, fresh)).body.outcome).toBe('applied');
      // Repeats and late ones do not reach it.
      await control.refresh(session, fresh);
      await control.refresh(session, issued);
      await client.send();
      sent.push(fresh);
    }
    expect(listener.calls).toEqual(sent.map(({ token }) => ({ authorization: `Bearer ${token}`, connection: 1 })));
    expect(client.swaps).toBe(6);
  });

  it('A-20: is given it by each way in which a token comes: push, batch, delivery, repeated start and pull', async () => {
    const { control, session, agent } = await TestControlServer.withAgent();
    const { listener, clients } = await connected(1);
    const [client] = clients;
    if (client === undefined) throw new Error('one was asked for');
    control.registry.register(agent, client);
    const ways: ((issued: IssuedToken) => Promise<unknown>)[] = [
      (issued) => control.refresh(session, issued),
      (issued) => control.refreshAll(session, issued),
      (issued) => control.deliver(session, issued, message(1, 'work 600')),
      (issued) => control.start(session, issued),
    ];
    const tokens: string[] = [];
    for (const way of ways) {
      const fresh = control.town.mint(agent);
      await way(fresh);
      await client.send();
      tokens.push(fresh.token);
    }
    control.town.lagging = true;
    await control.clock.advance(30 * SECONDS);
    await client.send();
    tokens.push(`token-of-${agent}-6`);
    expect(listener.calls.map(({ authorization }) => authorization)).toEqual(tokens.map((token) => `Bearer ${token}`));
    expect(new Set(listener.calls.map(({ connection }) => connection))).toEqual(new Set([1]));
  });

  it('A-20: hears of its own agent only, and of none after it has left or its agent has ended', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const other = control.town.mint(agentId(2));
    await control.start(session, other);
    const { clients } = await connected(3);
    const [ofA, left, ofB] = clients;
    if (ofA === undefined || left === undefined || ofB === undefined) throw new Error('three were asked for');
    control.registry.register(agent, ofA);
    control.registry.register(agent, left)();
    control.registry.register(agentId(2), ofB);
    await control.refresh(session, control.town.mint(agent));
    expect([ofA.swaps, left.swaps, ofB.swaps]).toEqual([2, 1, 1]);
    await control.end(session, 'stop', agent, issued.inc);
    await control.start(session, control.town.mint(agent, 2));
    await control.refresh(session, control.town.mint(agent, 2));
    expect([ofA.swaps, left.swaps, ofB.swaps]).toEqual([2, 1, 1]);
  });

  it('A-20: one that was made to leave while others are called is called no more', () => {
    const [registry, mint] = [new Registry(), new FakeTownApi(() => Date.UTC(2027, 0, 1))];
    const entry = registry.open(new Cell(mint.mint(agentId(1))), () => {});
    const given: string[] = [];
    const leaves: (() => void)[] = [];
    registry.register(agentId(1), { setToken: () => leaves.pop()?.() });
    leaves.push(registry.register(agentId(1), { setToken: (token) => void given.push(token) }));
    entry.swap(mint.mint(agentId(1)));
    expect(given).toHaveLength(1);
  });

  it('A-20: a failure that comes later is reported, also where its promise is of another realm', async () => {
    const [registry, mint, errors] = [
      new Registry(),
      new FakeTownApi(() => Date.UTC(2027, 0, 1)),
      new Array<unknown>(),
    ];
    const entry = registry.open(new Cell(mint.mint(agentId(1))), (thrown) => errors.push(thrown));
    const foreign = z.custom<Promise<void>>();
    registry.register(agentId(1), {
      setToken: () => foreign.parse(runInNewContext('Promise.reject(new Error("later"))')),
    });
    entry.swap(mint.mint(agentId(1)));
    await settle();
    expect(errors.map(String)).toEqual(['Error: later', 'Error: later']);
  });
});

describe('A-22: a reader', { timeout: 60_000 }, () => {
  it('A-22: sees the old or the new token, never a mixture or nothing, whatever happens in which order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom('push', 'late push', 'pull', 'read', 'call'), {
          minLength: 5,
          maxLength: 40,
          size: 'max',
        }),
        async (scheduler, steps) => {
          const scene = new AgentScene();
          const { town, cell, entry, agent } = scene;
          const minted = new Map<string, IssuedToken>([[scene.first.token, scene.first]]);
          const mint = (): IssuedToken => {
            const issued = town.mint(agent);
            minted.set(issued.token, issued);
            return issued;
          };
          const given: string[] = [];
          scene.context.registry.register(agent, { setToken: (token) => void given.push(token) });
          // Every answer of the town comes when the scheduler says; a pull mints before its answer is on its way.
          town.intercept = ({ path }) => {
            const answer = path.endsWith('/token')
              ? Response.json(mint())
              : Response.json({ minted: 1, lagging: false });
            return scheduler.schedule(Promise.resolve(answer), path);
          };
          const seen: number[] = [];
          const look = (): void => {
            const held = cell.token;
            const issued = minted.get(held?.text.reveal() ?? '');
            // All parts of what is read belong to one issued token.
            expect(held).toMatchObject({ gen: issued?.gen, jti: issued?.jti, inc: issued?.inc });
            expect(held?.expiresAtMs).toBe(Date.parse(issued?.expires_at ?? ''));
            seen.push(held?.gen ?? 0);
          };
          const soon = (work: () => unknown): Promise<unknown> =>
            scheduler.schedule(Promise.resolve(), 'step').then(work);
          const acts: Record<(typeof steps)[number], () => unknown> = {
            push: () => entry.swap(mint()),
            'late push': () => entry.swap([...minted.values()][seen.length % minted.size] ?? scene.first),
            pull: () => scene.puller.pull(),
            read: look,
            call: () => scene.client.call(HEARTBEAT),
          };
          const done = Promise.all(steps.map((step) => soon(acts[step])));
          await scheduler.waitFor(done);
          look();
          // Whole tokens only, each of this agent; and a caller that reads again sees nothing older.
          const bearers = scene.bearers('/heartbeat');
          expect([...bearers, ...given].filter((token) => !minted.has(token))).toEqual([]);
          const gens = given.map((token) => minted.get(token)?.gen ?? 0);
          for (const order of [seen, gens, bearers.map((token) => minted.get(token)?.gen ?? 0)]) {
            expect(order).toEqual(order.toSorted((one, other) => one - other));
          }
          expect(gens.at(-1)).toBe(cell.token?.gen);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('W-27: a token that is held', () => {
  it('W-27: serves its own agent only: two agents of one control server never send each other’s, whatever is refused and pulled', async () => {
    const { control, session, issued } = await TestControlServer.withAgent();
    const other = control.town.mint(agentId(2));
    await control.start(session, other);
    await control.deliver(session, issued, message(1, 'work 600'));
    await control.deliver(session, other, message(2, 'work 600'));
    control.town.refuse(issued);
    for (let round = 0; round < 5; round += 1) {
      await control.clock.advance(31 * SECONDS);
      await control.refresh(session, control.town.mint(agentId(2)));
    }
    const calls = control.town.requests.filter(({ path, body }) => path.endsWith('/events') && body.length > 0);
    for (const { bearer, body } of calls) {
      const seed = body.includes(message(1, '').message) ? 1 : 2;
      expect(bearer).toContain(`token-of-${agentId(seed)}-`);
    }
    expect(calls.length).toBeGreaterThan(20);
  });

  it('W-27: serves its own town only: the agent of another town in the same process, of whatever id, gets its own', async () => {
    const { control, session, agent, issued } = await TestControlServer.withAgent();
    const elsewhere = await control.session(2);
    // A token of the other town cannot be put into the cell of this one, and does not change what this one holds.
    const foreign = control.town.mint(agent);
    expect((await control.refresh(elsewhere, foreign)).body.outcome).toBe('unknown_agent');
    expect((await control.deliver(elsewhere, foreign, message(1, 'hi'))).body.messages).toEqual([]);
    expect(await control.running(session)).toMatchObject([{ agent, gen: issued.gen }]);
    // A session that replaces another begins without its tokens.
    const newer = { ...session, id: sessionId(9), epoch: 2 };
    await control.opened(newer);
    expect(await control.running(newer)).toEqual([]);
    expect((await control.refresh(newer, control.town.mint(agent))).body.outcome).toBe('unknown_agent');
    expect(control.registry.size).toBe(0);
  });

  it('W-27: serves its own issuer only: it follows no redirect to another place', async () => {
    const elsewhere = new Listener();
    closing.push(elsewhere);
    const port = await elsewhere.listen();
    const context = new AgentContext();
    const scene = new AgentScene(context);
    const answers = [301, 302, 303, 307, 308];
    for (const status of answers) {
      context.town.intercept = () => new Response(null, { status, headers: { location: `http://127.0.0.1:${port}/` } });
      expect(await scene.beat()).toMatchObject({ kind: 'refused', status });
    }
    // The platform's own fetch, called as the control server calls it.
    const life = new AbortController().signal;
    const platform = { ...context.platform, fetch };
    const redirecting = await redirector(port);
    const bearer = scene.cell.token?.text ?? null;
    const answer = await requestTown(platform, {
      method: 'GET',
      url: redirecting,
      bearer,
      body: null,
      answer: z.unknown(),
      timeoutMs: 5_000,
      life,
    });
    expect(answer).toMatchObject({ kind: 'refused', status: 307 });
    expect(elsewhere.calls).toEqual([]);
  });

  it('W-27: is not sent once its life is over', async () => {
    const { platform, town } = new AgentContext();
    const life = new AbortController();
    life.abort();
    const to = { method: 'GET', url: 'https://town.example/', bearer: null, body: null, timeoutMs: 1_000 } as const;
    const given = { ...to, answer: z.unknown() };
    expect(await requestTown(platform, { ...given, life: life.signal })).toEqual({
      kind: 'unreachable',
      reason: 'ended',
    });
    expect(town.requests).toEqual([]);
  });

  it('W-27: a token of an incarnation that is over ends with it, also where its call is refused later', async () => {
    const scene = new AgentScene();
    const answer = Promise.withResolvers<Response>();
    scene.town.intercept = () => answer.promise;
    const call = scene.beat();
    await settle();
    scene.teardown();
    const next = scene.context.registry.open(new Cell(scene.town.mint(scene.agent, 2)), () => {});
    answer.resolve(problemAnswer('invalid_token'));
    expect(await call).toEqual({ kind: 'over', code: null });
    expect(scene.town.paths()).toEqual(['/v1/agent/heartbeat']);
    next.release();
  });
});

/** A server that redirects every request to `port`. */
async function redirector(port: number): Promise<string> {
  const server = createServer((_, response) => {
    response.writeHead(307, { location: `http://127.0.0.1:${port}/` }).end();
  }).listen(0, '127.0.0.1');
  closing.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${z.object({ port: z.number() }).parse(server.address()).port}/v1`;
}
