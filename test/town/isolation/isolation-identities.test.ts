import { SELF, env, evictDurableObject } from 'cloudflare:test';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  containerNameSchema,
  SCOPES,
  ROLES,
  type AgentView,
  type IssuedToken,
  type MessageView,
  type RunningAgents,
} from '../../../src/protocol/index.ts';
import { activated, newKey, rotated } from '../../../src/tokens/key-edit.ts';
import { verifyAgentToken } from '../../../src/tokens/verify.ts';
import { tablesOf } from '../support/footprint.ts';
import { lab, type LabFetch, type LabRequest } from '../support/lab.ts';
import { issuedTokensOf, sessionOf } from '../support/scene.ts';
import { agentToken, pushToken } from '../support/deployment-tokens.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { rewrite } from '../support/inside.ts';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET, PUBLIC_URL, currentKeys, deployment, useKeys } from '../support/wiring.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const beat = (bearer: string) => api<{ code?: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer);
const report = (bearer: string, message: string, attempt = 1) => {
  const at = new Date(lab.clock.now()).toISOString();
  const result = { state: 'done', reply: 'late', truncated: false };
  const events = [{ type: 'turn.finished', message, attempt, at, result }];
  return api<{ code?: string }>('POST', '/v1/agent/events', { counter: 1000, events }, bearer);
};
const codeOf = ({ status, body }: { status: number; body: { code?: string } }) => `${status} ${body.code ?? ''}`.trim();

/** As a container would, with the secret of the session that is open now. */
function pull<T = { code?: string }>(town: TestTown, agent: string, inc = 1) {
  const { session, secret } = sessionOf(town);
  return api<T>(
    'POST',
    `/v1/container/${town.containerName()}/agents/${agent}/token`,
    { session, inc, gen: 1 },
    secret,
  );
}

/** What runs in the town's container, as the container itself says. */
async function running(town: TestTown): Promise<string[]> {
  const container = containerNameSchema.parse(town.containerName());
  const push = { audience: sessionOf(town).session, container, method: 'GET', path: '/agents', body: '' };
  const headers = { authorization: `Bearer ${await pushToken(push)}` };
  const { body } = await town.container().ask({ method: 'GET', path: '/agents', headers, body: '' });
  return (JSON.parse(body) as RunningAgents).agents.map(({ agent, gen }) => `${agent} ${gen}`);
}

/** Holds every request to the container that `matches`, until it is let go. */
function hold(town: TestTown, matches: (request: LabRequest) => boolean) {
  const seen: LabRequest[] = [];
  const answers: string[] = [];
  let letGo = (): void => undefined;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  town.container().before = async (request) => {
    if (!matches(request)) return null;
    seen.push(request);
    await gone;
    answers.push((await town.container().ask(request)).body);
    return { status: 504, headers: {}, body: '' };
  };
  return { seen, answers, letGo };
}

describe('an identity that is over', () => {
  const { pushTimeoutMs } = lab;
  // What is held on its way is given up by the town long before it arrives.
  beforeEach(() => void (lab.pushTimeoutMs = 300));
  afterEach(() => void (lab.pushTimeoutMs = pushTimeoutMs));

  it('M-15: a late heartbeat does not resurrect a retired agent', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const { id } = await town.work('ada');
    const token = lastTokenOf(ada);
    // Verified at the edge before the teardown, and heard by the town after it.
    const verified = await verifyAgentToken(await (await deployment()).issuer(), token, lab.clock.now());
    if (!verified.ok) throw new Error(verified.error);
    await town.api('DELETE', '/agents/ada');
    // What a town says to the directory behind its answer, it remembers.
    await town.settled();
    const before = await tablesOf(town.id, town.stub);
    using late = await env.TOWN.getByName(town.id).agent(verified.value);
    expect(await late.heartbeat()).toEqual({ ok: false, error: 'agent_retired' });
    expect(codeOf(await beat(token))).toBe('401 agent_retired');
    expect(codeOf(await report(token, id))).toBe('401 agent_retired');
    expect(codeOf(await pull(town, ada.id))).toBe('401 agent_retired');
    expect(await tablesOf(town.id, town.stub)).toEqual(before);
    await town.elapse(4 * 3_600_000);
    expect(await town.read(ada.id)).toMatchObject({ state: 'retired', process_id: null });
    expect((await town.message(ada.id, id)).state).toBe('failed');
    expect([await running(town), await town.alarmAt()]).toEqual([[], null]);
  });

  it('S-13: an agent deleted and made again under the same name: the old token and any late push are refused', async () => {
    const town = await TestTown.create();
    const old = await town.agent('ada');
    const { id } = await town.work('ada');
    const token = lastTokenOf(old);
    const late = hold(
      town,
      ({ path }) => path === `/agents/${old.id}/refresh-token` || path.endsWith(`${old.id}/messages`),
    );
    const push = town.api('POST', '/agents/ada/refresh', {});
    await expect.poll(() => late.seen.length).toBe(1);
    await town.send('ada', 'more');
    await expect.poll(() => late.seen.length).toBe(2);
    await town.api('DELETE', '/agents/ada');
    const made = await town.agent('ada');
    await push;
    const before = await running(town);
    late.letGo();
    await expect.poll(() => late.answers.length).toBe(2);
    expect(late.answers.map((body) => JSON.stringify(JSON.parse(body)))).toEqual([
      expect.stringContaining('"outcome":"retired"'),
      expect.stringContaining('"outcome":"retired"'),
    ]);
    expect([codeOf(await beat(token)), codeOf(await report(token, id)), codeOf(await pull(town, old.id))]).toEqual([
      '401 agent_retired',
      '401 agent_retired',
      '401 agent_retired',
    ]);
    expect(await running(town)).toEqual(before);
    expect(await running(town)).toEqual([`${made.id} 1`]);
    expect(await town.read('ada')).toMatchObject({ id: made.id, state: 'idle', credential: { minted: 1, acked: 1 } });
    expect((await town.api<{ items: unknown[] }>('GET', '/agents/ada/messages')).body.items).toEqual([]);
  });

  it('S-13: the start of an agent that lands after its teardown, when its name is taken again, starts nothing', async () => {
    const town = await TestTown.create();
    const late = hold(town, ({ path }) => path.endsWith('/start') && late.seen.length === 0);
    const old = await town.agent('ada');
    expect(old.state).toBe('starting');
    await town.api('DELETE', '/agents/ada');
    const made = await town.agent('ada');
    await town.elapse(20_000);
    late.letGo();
    await expect.poll(() => late.answers.length).toBe(1);
    expect(JSON.parse(late.answers[0] ?? '')).toMatchObject({ agent: old.id, outcome: 'retired' });
    expect((await running(town)).map((line) => line.split(' ')[0])).toEqual([made.id]);
  });
});

describe('revocation', () => {
  let restoreKeys = (): Promise<void> => Promise.resolve();
  afterEach(() => restoreKeys());

  it('S-15: revoked: refused within the next call on every path, nothing minted until a person starts it again', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await town.agent('bob');
    const { id } = await town.work('ada');
    const token = lastTokenOf(ada);
    await town.api('POST', '/agents/ada/revoke');
    const { minted } = (await town.read('ada')).credential;
    const tokens = issuedTokensOf(town).filter(({ agent }) => agent === ada.id).length;
    const isOver = async (path: string): Promise<void> => {
      const now = await town.read('ada');
      const sent = issuedTokensOf(town).filter(({ agent }) => agent === ada.id).length;
      expect([path, now.credential.minted, sent]).toEqual([path, minted, tokens]);
      // Even a token that the right key signs now, with all that the town minted last.
      const fresh = await agentToken({ town: town.id, agent: ada.id, inc: now.incarnation, gen: minted });
      expect([path, codeOf(await beat(fresh))]).toEqual([path, '401 agent_revoked']);
    };
    expect(codeOf(await beat(token))).toBe('401 agent_revoked');
    expect(codeOf(await report(token, id))).toBe('401 agent_revoked');
    expect((await town.message('ada', id)).state).toBe('working');
    expect(codeOf(await pull(town, ada.id))).toBe('401 agent_revoked');
    await isOver('pull');
    for (const path of ['/agents/ada/refresh', '/refresh']) {
      const { body } = await town.api<{ results: { agent: string; outcome: string }[] }>('POST', path, {});
      expect(body.results.find(({ agent }) => agent === ada.id)?.outcome).not.toBe('applied');
      await isOver(path);
    }
    await town.send('ada', 'waits');
    await town.elapse(4 * 3_600_000);
    await isOver('a message, four sweeps and their retries');
    await evictDurableObject(town.stub);
    await town.elapse(3_600_000);
    await isOver('an eviction');
    restoreKeys = await deployNextKey(town);
    await town.elapse(3_600_000);
    await isOver('another key');
    town.container().restart();
    await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
    await expect.poll(async () => (await town.read('bob')).incarnation).toBe(2);
    await town.elapse(3_600_000);
    await isOver('a restart of its container');
    await town.api('POST', '/restored', {});
    await town.elapse(3_600_000);
    await isOver('a restored database');
    await town.api('POST', '/agents/ada/stop');
    await town.elapse(3_600_000);
    await isOver('a stop');
    const { body: started } = await town.api<AgentView>('POST', '/agents/ada/start');
    expect(started.credential).toMatchObject({ revoked_at: null });
    expect(started.incarnation).toBeGreaterThan(ada.incarnation);
    await town.until('ada', id, 'working');
    expect(codeOf(await beat(lastTokenOf(ada)))).toBe('200');
    // What was revoked stays revoked, whatever incarnation it claims.
    const speaker = { town: town.id, agent: ada.id, gen: minted };
    const [old, raised] = [
      { ...speaker, inc: ada.incarnation },
      { ...speaker, inc: started.incarnation },
    ];
    expect(codeOf(await beat(await agentToken(old)))).toBe('401 incarnation_superseded');
    expect(codeOf(await beat(await agentToken(raised)))).toBe('401 invalid_token');
  });

  it('S-15: an agent that is revoked while it starts gets no token when its container comes back', async () => {
    const town = await TestTown.create();
    town.container().before = () => ({ status: 500, headers: {}, body: '' });
    const ada = await town.agent('ada');
    expect(ada.state).toBe('starting');
    await town.api('POST', '/agents/ada/revoke');
    town.container().before = () => null;
    await town.send('ada', 'waits');
    await town.elapse(4 * 3_600_000);
    expect(issuedTokensOf(town)).toEqual([]);
    expect((await town.read('ada')).credential.minted).toBe(ada.credential.minted);
    await town.api('POST', '/agents/ada/start');
    await expect.poll(() => issuedTokensOf(town).length).toBeGreaterThan(0);
  });

  it('S-15: a token that was minted before the revocation and arrives after it is refused', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const late = hold(town, ({ path }) => path.endsWith('/refresh-tokens') || path.endsWith('/refresh-token'));
    const push = town.api('POST', '/agents/ada/refresh', {});
    await expect.poll(() => late.seen.length).toBe(1);
    await town.api('POST', '/agents/ada/revoke');
    late.letGo();
    await push;
    await expect.poll(() => late.answers.length).toBe(1);
    const sent = JSON.parse(late.seen[0]?.body ?? '{}') as { grant?: IssuedToken; grants?: IssuedToken[] };
    const token = (sent.grant ?? sent.grants?.[0])?.token ?? '';
    expect(codeOf(await beat(token))).toBe('401 agent_revoked');
    await town.api('POST', '/agents/ada/start');
    expect(codeOf(await beat(token))).toBe('401 incarnation_superseded');
    expect((await town.read(ada.id)).credential.in_use).toBeLessThan(3);
  });
});

/** A deployment in which another key signs; answers how to go back. */
async function deployNextKey(town: TestTown): Promise<() => Promise<void>> {
  const before = await currentKeys();
  const next = rotated(before, await newKey('next'));
  if (!next.ok) throw new Error(next.error);
  const active = activated(next.value);
  if (!active.ok) throw new Error(active.error);
  await useKeys(active.value);
  await evictDurableObject(town.stub);
  return () => useKeys(before);
}

interface SeenCall {
  readonly url: URL;
  readonly bearer: string;
  readonly turn: string | null;
}

/** Every call that reaches the Worker from any container, with the message that its sender works on. */
function watchCalls(answer: LabFetch = (url, init) => SELF.fetch(url, init)): SeenCall[] {
  const calls: SeenCall[] = [];
  lab.worker = (url, init) => {
    const bearer = new Headers(init.headers).get('authorization')?.slice('Bearer '.length) ?? '';
    const said = JSON.parse(typeof init.body === 'string' ? init.body : '{}') as {
      turn?: string;
      events?: { message: string }[];
    };
    calls.push({ url: new URL(url), bearer, turn: said.turn ?? said.events?.[0]?.message ?? null });
    return answer(url, init);
  };
  return calls;
}

function claimsOf(token: string): { town: string; agent: string; iss: string; scope: string; gen: number } {
  const payload = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(atob(payload)) as { town: string; agent: string; iss: string; scope: string; gen: number };
}

describe('a token in a container', () => {
  afterEach(() => {
    lab.worker = (url, init) => SELF.fetch(url, init);
  });

  it('W-27: a cached token serves only the town, agent and issuer it was minted for', async () => {
    const [one, two] = [await TestTown.create(), await TestTown.create()];
    two.container().joinProcessOf(one.container());
    const at = [
      [one, 'ada'],
      [one, 'bob'],
      [two, 'ada'],
    ] as const;
    const calls = watchCalls();
    const owner = new Map<string, { town: string; agent: string }>();
    for (const [town, name] of at) {
      const { id } = await town.agent(name);
      owner.set((await town.work(name)).id, { town: town.id, agent: id });
    }
    for (const town of [one, two, one]) {
      await town.api('POST', '/refresh', {});
      lab.clock.advance(31_000);
      await expect.poll(() => lab.busy).toBe(0);
    }
    const beats = calls.filter(({ url, turn }) => url.pathname.startsWith('/v1/agent/') && turn !== null);
    expect(new Set(beats.map(({ turn }) => turn)).size).toBe(3);
    expect(beats.length).toBeGreaterThan(9);
    for (const { url, bearer, turn } of beats) {
      const { town, agent, iss } = claimsOf(bearer);
      expect({ town, agent, iss, to: url.origin }).toEqual({
        ...owner.get(turn ?? ''),
        iss: PUBLIC_URL,
        to: PUBLIC_URL,
      });
    }
  });

  it("W-27: a pulled token that is another agent's is not used, and what was held stays", async () => {
    const town = await TestTown.create();
    const [ada, bob] = [await town.agent('ada'), await town.agent('bob')];
    const { id } = await town.work('ada');
    const foreign = issuedTokensOf(town).findLast(({ agent }) => agent === bob.id);
    let refuse = true;
    const calls = watchCalls((url, init) => {
      const { pathname } = new URL(url);
      if (pathname.endsWith('/token')) return Promise.resolve(Response.json(foreign));
      if (!refuse || pathname !== '/v1/agent/heartbeat') return SELF.fetch(url, init);
      refuse = false;
      return Promise.resolve(Response.json({ code: 'invalid_token' }, { status: 401 }));
    });
    await expect
      .poll(() => {
        lab.clock.advance(31_000);
        return calls.filter(({ url }) => url.pathname === '/v1/agent/heartbeat').length;
      })
      .toBeGreaterThan(1);
    expect(calls.some(({ url }) => url.pathname.endsWith('/token'))).toBe(true);
    const beats = calls.filter(({ turn }) => turn === id);
    expect(beats.map(({ bearer }) => claimsOf(bearer).agent)).toEqual(beats.map(() => ada.id));
  });

  it('W-27: tokens of a Worker that has moved to another origin are refused at both', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const speaker = { town: town.id, agent: ada.id, inc: 1, gen: 1 };
    const elsewhere = 'https://moved.example';
    const old = await agentToken(speaker, { claims: { iss: elsewhere, aud: elsewhere } });
    expect(codeOf(await beat(old))).toBe('401 invalid_token');
    const moved = { ...(await (await deployment()).issuer()), publicUrl: elsewhere };
    const token = await agentToken(speaker);
    expect(await verifyAgentToken(moved, token, lab.clock.now())).toMatchObject({ ok: false, error: 'bad_claims' });
    expect(codeOf(await beat(token))).toBe('200');
  });
});

describe('scopes', () => {
  it('W-30: scopes of a token are within the agent’s scopes at issue and at every mint', async () => {
    const town = await TestTown.create();
    const narrow = await town.agent('narrow', { scopes: ['heartbeat', 'events', 'mail'] });
    const worker = await town.agent('worker');
    const mayor = await town.agent('mayor', { role: 'mayor' });
    const mute = await town.agent('mute', { scopes: [] });
    const granted: Readonly<Record<string, readonly string[]>> = {
      [narrow.id]: ['heartbeat', 'events', 'mail'],
      [worker.id]: ROLES.worker,
      [mayor.id]: SCOPES,
      [mute.id]: [],
    };
    await town.work('narrow');
    await town.work('worker');
    await town.api('POST', '/refresh', {});
    await town.elapse(2 * 3_600_000);
    const pulled = await pull<IssuedToken>(town, narrow.id);
    const minted = [...issuedTokensOf(town), pulled.body];
    const reasons = (await town.events()).flatMap(({ type, data }) =>
      type === 'reeve.token.issued' ? [data['reason']] : [],
    );
    expect(new Set(reasons)).toEqual(new Set(['start', 'delivery', 'force', 'sweep', 'pull']));
    expect(new Set(minted.map(({ agent }) => agent))).toEqual(new Set(Object.keys(granted)));
    for (const { agent, token } of minted) {
      expect(claimsOf(token).scope.split(' ').filter(Boolean)).toEqual(granted[agent]);
    }
  });

  it('W-30: no agent is granted more than its role, and what is refused leaves nothing', async () => {
    const town = await TestTown.create();
    const before = await tablesOf(town.id, town.stub);
    for (const more of [
      { scopes: ['heartbeat', 'agents'] },
      { role: 'worker', scopes: ['exchange'] },
      { scopes: ['admin'] },
    ]) {
      const { status } = await town.api('POST', '/agents', { name: 'greedy', ...more });
      expect(status).toBe(400);
    }
    expect(await tablesOf(town.id, town.stub)).toEqual(before);
  });

  it('W-30: scopes that were narrowed hold from the next mint on', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    await rewrite(town, 'UPDATE agents SET scopes = ? WHERE id = ?', 'heartbeat', ada.id);
    await town.api('POST', '/agents/ada/refresh', {});
    const token = issuedTokensOf(town).at(-1)?.token ?? '';
    expect(claimsOf(token)).toMatchObject({ agent: ada.id, gen: 2, scope: 'heartbeat' });
    const { id } = await town.send('ada', 'hello');
    expect([codeOf(await beat(token)), codeOf(await report(token, id))]).toEqual(['200', '403 insufficient_scope']);
    expect((await town.api<MessageView>('GET', `/agents/ada/messages/${id}`)).body.state).not.toBe('done');
  });
});
