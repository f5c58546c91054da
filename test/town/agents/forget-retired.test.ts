import { SELF, env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import {
  CLOCK_TOLERANCE_SECONDS,
  MAX_RETIRED_AGENTS,
  MAX_TOKEN_TTL_SECONDS,
  type AgentId,
  type AgentView,
  type OpenSession,
} from '../../../src/protocol/index.ts';
import { forgetRetired } from '../../../src/town/agents/forget-retired.ts';
import { dueTimes } from '../../../src/town/alarm/run-due.ts';
import { agentId } from '../../support/ids.ts';
import { AsAgent, statusAndCode, type Code } from '../support/as-agent.ts';
import { agentToken } from '../support/deployment-tokens.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { addRetired } from '../support/past.ts';
import { TestTown, api } from '../support/town.ts';
import { weather } from '../support/weather.ts';
import { PUBLIC_URL } from '../support/wiring.ts';

/** No token is good for longer after it was minted. */
const TOKENS_OVER_MS = (MAX_TOKEN_TTL_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1000;
const KEPT = 3;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
/** Tables with a row for each agent. What else names an agent ends by bounds of its own. */
const ITS_OWN = ['agents', 'agent_tokens', 'queues', 'refused_calls', 'runtimes'];

/** A town that keeps few. */
async function townThatKeeps(count: number): Promise<TestTown> {
  lab.retiredAgents = count;
  return TestTown.create();
}

async function retire(town: TestTown, idOrName: string): Promise<number> {
  return (await town.api<AgentView>('DELETE', `/agents/${idOrName}`)).status;
}

/** Agents that came and went, in this order, with a row of theirs in every table that has one. */
async function comeAndGo(town: TestTown, names: readonly string[]): Promise<AgentView[]> {
  const gone: AgentView[] = [];
  for (const name of names) {
    const agent = await town.agent(name);
    const { id } = await town.send(name, 'hello');
    await town.until(name, id, 'done');
    expect(await retire(town, name)).toBe(200);
    const late = await api<Code>('POST', '/v1/agent/heartbeat', HEARTBEAT, await tokenOf(town, agent));
    expect(statusAndCode(late)).toBe('401 agent_retired');
    gone.push(agent);
  }
  return gone;
}

/** A token that is good by its time: its agent can only be refused by the town. */
const tokenOf = (town: TestTown, { id }: { readonly id: AgentId }) =>
  agentToken({ town: town.id, agent: id, inc: 1, gen: 1 });

const retiredIn = async (town: TestTown) => {
  const { items } = (await town.api<{ items: AgentView[] }>('GET', '/agents?limit=200')).body;
  return new Set(items.filter(({ state }) => state === 'retired').map(({ name }) => name));
};

/** In which of its own tables an agent has a row. */
const rowsOf = (town: TestTown, id: AgentId) =>
  runInDurableObject(town.stub, (_, { storage: { sql } }) =>
    ITS_OWN.filter((table) => {
      const column = table === 'agents' ? 'id' : 'agent';
      return sql.exec(`SELECT 1 FROM ${table} WHERE ${column} = ?`, id).toArray().length > 0;
    }),
  );

/** Writes past the town. */
const write = (town: TestTown, query: string, ...bindings: SqlStorageValue[]) =>
  runInDurableObject(town.stub, (_, { storage: { sql } }) => void sql.exec(query, ...bindings));

describe('the agents of a town that are retired', () => {
  it('are kept to the latest so many, however many come and go: an older one goes whole', async () => {
    const town = await townThatKeeps(KEPT);
    const names = Array.from({ length: 8 }, (_, nth) => `visitor-${nth}`);
    const gone: AgentView[] = [];
    for (const name of names) {
      gone.push(...(await comeAndGo(town, [name])));
      await town.elapse(TOKENS_OVER_MS);
      expect(await retiredIn(town)).toEqual(new Set(gone.map((agent) => agent.name).slice(-KEPT)));
    }
    for (const { id } of gone.slice(0, -KEPT)) expect(await rowsOf(town, id)).toEqual([]);
    const { id } = gone.at(-1) ?? { id: agentId(0) };
    expect(await rowsOf(town, id)).toEqual(ITS_OWN.filter((table) => table !== 'runtimes'));
  });

  it('are the latest by their retirement, not by their creation', async () => {
    const town = await townThatKeeps(1);
    for (const name of ['ada', 'bob', 'cyd']) await town.agent(name);
    await town.elapse(TOKENS_OVER_MS);
    for (const name of ['cyd', 'ada', 'bob']) await retire(town, name);
    expect(await retiredIn(town)).toEqual(new Set(['bob']));
  });

  it('are more while a token that one of them was given may be good: to the longest life of one and the tolerance', async () => {
    const town = await townThatKeeps(0);
    const ada = await town.agent('ada');
    await retire(town, 'ada');
    const mintedAtMs = await inside(town, (p) => p.tokens.get(ada.id).mintedAtMs);
    await inside(town, (p) => forgetRetired(p, mintedAtMs + TOKENS_OVER_MS - 1));
    expect(await retiredIn(town)).toEqual(new Set(['ada']));
    await inside(town, (p) => forgetRetired(p, mintedAtMs + TOKENS_OVER_MS));
    expect(await retiredIn(town)).toEqual(new Set());
  });

  it.each(['runs', 'was stopped'])(
    'are more while a container has yet to confirm the end of one that %s, and those after it go all the same',
    async (as) => {
      const town = await townThatKeeps(0);
      for (const name of ['ada', 'bob']) await town.agent(name);
      if (as === 'was stopped') await town.api('POST', '/agents/ada/stop');
      await town.elapse(TOKENS_OVER_MS);
      town.container().before = () => ({ status: 500, headers: {}, body: '' });
      expect(await retire(town, 'ada')).toBe(202);
      town.container().before = () => null;
      expect(await retire(town, 'bob')).toBe(200);
      await town.agent('cyd');
      await retire(town, 'cyd');
      expect(await retiredIn(town)).toEqual(new Set(['ada', 'cyd']));
      await town.elapse(60_000);
      await town.agent('dan');
      await retire(town, 'dan');
      expect(await retiredIn(town)).toEqual(new Set(['cyd', 'dan']));
    },
  );

  it('are more while one may run in a container that was given up: its end is not confirmed before the next session', async () => {
    const town = await townThatKeeps(0);
    const { id } = await town.agent('ada');
    town.container().before = () => Promise.reject(new TypeError('connection refused'));
    expect(await retire(town, 'ada')).toBe(202);
    await town.elapse(2 * TOKENS_OVER_MS);
    expect((await inside(town, (p) => p.agents.get(id)))?.endDueAtMs).toBeNull();
    await inside(town, (p) => forgetRetired(p, p.clock.now()));
    expect(await retiredIn(town)).toEqual(new Set(['ada']));
  });

  it('go ten at a time where they are far too many, those of before they were counted first', async () => {
    const town = await townThatKeeps(KEPT);
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      for (let nth = 0; nth < 12; nth += 1) addRetired(sql, agentId(nth), 1);
      for (let nth = 12; nth < 15; nth += 1) addRetired(sql, agentId(nth), nth);
    });
    const left = () =>
      inside(town, (p) => p.agents.list('', 100).flatMap(({ id, state }) => (state === 'retired' ? [id] : [])));
    await town.agent('ada');
    await retire(town, 'ada');
    expect(await left()).toHaveLength(6);
    expect((await left()).filter((id) => id < agentId(12))).toHaveLength(2);
    await town.agent('bob');
    await retire(town, 'bob');
    expect((await left()).filter((id) => id < agentId(12))).toEqual([]);
  });

  it('count from the same number on under a release that does not count them', async () => {
    const town = await townThatKeeps(KEPT);
    await comeAndGo(town, ['ada', 'bob']);
    const { id } = await town.agent('cyd');
    // As such a release retires it.
    await write(town, "UPDATE agents SET state = 'retired', session = NULL WHERE id = ?", id);
    await comeAndGo(town, ['dan']);
    const numbers = await runInDurableObject(town.stub, (_, { storage: { sql } }) =>
      sql.exec<{ name: string; retired: number }>('SELECT name, retired FROM agents ORDER BY name').toArray(),
    );
    expect(numbers.map(({ name, retired }) => [name, retired])).toEqual([
      ['ada', 1],
      ['bob', 2],
      ['cyd', 1],
      ['dan', 3],
    ]);
  });

  it(`are ${MAX_RETIRED_AGENTS} where nothing says otherwise`, async () => {
    const town = await TestTown.create();
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      for (let nth = 1; nth <= MAX_RETIRED_AGENTS; nth += 1) addRetired(sql, agentId(nth), nth);
    });
    await town.agent('ada');
    await retire(town, 'ada');
    expect(await rowsOf(town, agentId(1))).toEqual([]);
    expect(await rowsOf(town, agentId(2))).toEqual(ITS_OWN);
  });
});

describe('an agent that a town has forgotten', () => {
  /** What ada had open when she was retired, long ago; bob lives. */
  async function forgotten() {
    const town = await townThatKeeps(1);
    const [ada, bob] = [await town.agent('ada'), await town.agent('bob')];
    const [asAda, asBob] = [new AsAgent(town, 'ada'), new AsAgent(town, 'bob')];
    // In its turn it comes to nothing else.
    await town.work('ada', 100_000);
    const { id: delegation } = await asBob.delegate('ada', 'what ada does not do');
    await asAda.delegate('bob', 'what ada does not wait for');
    await asBob.mail('ada', 'which ada does not read');
    await asAda.mail('bob', 'which bob reads');
    const { id: message } = await town.send('ada', 'which waits');
    expect(await retire(town, 'ada')).toBe(200);
    await town.elapse(TOKENS_OVER_MS);
    await town.agent('cyd');
    await retire(town, 'cyd');
    expect(await rowsOf(town, ada.id)).toEqual([]);
    return { town, ada, bob, asBob, message, delegation };
  }

  it('leaves nothing open and nothing due, and what it owed others has its end', async () => {
    const { town, ada, asBob, delegation } = await forgotten();
    expect(await asBob.delegation(delegation)).toMatchObject({ to: ada.id, state: 'failed', error: 'agent_retired' });
    expect((await asBob.read()).items).toMatchObject([{ from: ada.id }]);
    await town.elapse(TOKENS_OVER_MS);
    const due = await inside(town, dueTimes);
    expect(Object.entries(due).filter(([, at]) => at !== null)).toEqual([]);
    const open = await runInDurableObject(town.stub, (_, { storage: { sql } }) => [
      ...sql.exec("SELECT id FROM messages WHERE agent = ? AND state NOT IN ('done', 'failed', 'cancelled')", ada.id),
      ...sql.exec("SELECT id FROM delegations WHERE state = 'open'"),
      ...sql.exec('SELECT message FROM withdrawals'),
    ]);
    expect(open).toEqual([]);
    expect((await town.api<{ status: string }>('GET', '/health')).body.status).toBe('green');
  });

  it('T9: is refused with a token that is good by its time, and nothing of it comes back', async () => {
    const { town, ada } = await forgotten();
    const token = await tokenOf(town, ada);
    for (const [method, path, body] of [
      ['POST', '/heartbeat', HEARTBEAT],
      ['GET', '/mail', undefined],
      ['GET', '/peers', undefined],
    ] as const) {
      expect(statusAndCode(await api<Code>(method, `/v1/agent${path}`, body, token))).toBe('401 invalid_token');
    }
    const old = await agentToken({ town: town.id, agent: ada.id, inc: 1, gen: 1 }, { atMs: -TOKENS_OVER_MS });
    expect((await api<Code>('POST', '/v1/agent/heartbeat', HEARTBEAT, old)).status).toBe(401);
    expect(await rowsOf(town, ada.id)).toEqual([]);
  });

  it('T9: has no token for the control server that ran it, and a hello or a list that names it brings nothing back', async () => {
    const { town, ada } = await forgotten();
    const opened = town.container().requests.findLast(({ path }) => path === '/session');
    const { session, secret } = JSON.parse(opened?.body ?? '{}') as OpenSession;
    const pulled = await SELF.fetch(`${PUBLIC_URL}/v1/container/${town.containerName()}/agents/${ada.id}/token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ session, inc: 1, gen: 1 }),
    });
    const { code } = await pulled.json<Code>();
    expect([pulled.status, code]).toEqual([404, 'not_found']);
    town.container().restart();
    await env.TOWN.getByName(town.id).hello();
    await town.elapse(60_000);
    expect(await rowsOf(town, ada.id)).toEqual([]);
  });

  it('is not found by people, nor are its messages, and no agent reaches it', async () => {
    const { town, ada, asBob, message } = await forgotten();
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['DELETE', '', undefined],
      ['PATCH', '', { role: 'mayor' }],
      ['GET', '/credential', undefined],
      ['GET', '/messages?limit=10', undefined],
      ['GET', `/messages/${message}`, undefined],
      ['POST', '/messages', { content: 'hello' }],
      ['POST', '/start', undefined],
      ['POST', '/stop', undefined],
      ['POST', '/refresh', {}],
    ] as const) {
      const answer = await town.api<Code>(method, `/agents/${ada.id}${path}`, body);
      expect([path, statusAndCode(answer)]).toEqual([path, '404 not_found']);
    }
    expect(statusAndCode(await asBob.mail(ada.id, 'hello'))).toBe('404 not_found');
    expect(statusAndCode(await asBob.order(ada.id, 'a task'))).toBe('404 not_found');
    expect((await asBob.peers()).map(({ name }) => name)).not.toContain('ada');
  });

  it('leaves its name to another, whose order and counts begin anew, while what is kept of its messages is forgotten by age', async () => {
    const { town, ada } = await forgotten();
    const next = await town.agent('ada');
    expect(next.id).not.toBe(ada.id);
    const { id } = await town.send('ada', 'hello');
    expect(await town.until('ada', id, 'done')).toMatchObject({ seq: 1 });
    const kept = () =>
      runInDurableObject(town.stub, (_, { storage: { sql } }) => ({
        ofAda: sql.exec('SELECT id FROM messages WHERE agent = ?', ada.id).toArray().length,
        counted: sql.exec<{ finished: number }>("SELECT finished FROM queues WHERE agent = ''").one().finished,
        all: sql.exec('SELECT id FROM messages WHERE finished_at_ms IS NOT NULL').toArray().length,
      }));
    const before = await kept();
    expect(before.ofAda).toBeGreaterThan(0);
    expect(before.counted).toBe(before.all);
    lab.clock.advance(31 * 24 * 3_600_000);
    const { id: later } = await town.send('ada', 'hello');
    await town.until('ada', later, 'done');
    expect(await kept()).toEqual({ ofAda: 0, counted: 1, all: 1 });
  });

  it.each(['dies before', 'dies after', 'breaks before', 'breaks after'] as const)(
    'goes together with the retirement of another or not at all, where that %s in the middle, and with its repeat',
    async (fault) => {
      const town = await townThatKeeps(0);
      await runInDurableObject(town.stub, (_, { storage: { sql } }) => addRetired(sql, agentId(1), 1));
      const { id } = await town.agent('ada');
      await town.settled();
      weather.begin(town.id, { layer: 'town', effect: 'tokens.remove', nth: 1, fault });
      await town.api('DELETE', `/agents/${id}`).catch(() => undefined);
      await town.settled();
      expect(weather.struck).toBe(true);
      weather.end();
      const isRetired = (await town.read(id)).state === 'retired';
      expect(await rowsOf(town, agentId(1))).toEqual(isRetired ? [] : ITS_OWN);
      expect(await retire(town, id)).toBe(200);
      expect(await rowsOf(town, agentId(1))).toEqual([]);
    },
  );
});
