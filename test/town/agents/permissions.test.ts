/** What an agent asks before it acts: shown to people, answered by one, and taken to the agent until it has the answer. */
import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { PermissionView, TownHealth } from '../../../src/protocol/index.ts';
import { Secret } from '../../../src/lib/secret.ts';
import { handleEvents } from '../../../src/town/calls/handle-agent-report.ts';
import { permissionId } from '../../support/ids.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { TestTown } from '../support/town.ts';

const MINUTE_MS = 60_000;
const ASKED = permissionId(7);
const OPTIONS = [
  { id: 'y', name: 'Allow', kind: 'allow_once' as const },
  { id: 'n', name: 'Refuse', kind: 'reject_once' as const },
];

/** An agent in a long turn that has asked something, as its control server reports it. */
async function asking(): Promise<{ town: TestTown; message: string }> {
  const town = await TestTown.create();
  await town.agent('ada');
  const { id } = await town.work('ada', 100_000);
  await report(town, {
    type: 'permission.requested',
    permission: ASKED,
    title: 'Write a file',
    kind: 'edit',
    input: '{"path":"/tmp/a"}',
    options: OPTIONS,
    expires_at: new Date(lab.clock.now() + 10 * MINUTE_MS).toISOString(),
  });
  return { town, message: id };
}

let counter = 1000;

/** One event of the turn that the agent is in. */
function report(town: TestTown, event: object): Promise<void> {
  counter += 1;
  return inside(town, (p) => {
    const agent = p.agents.find('ada');
    if (agent === null) throw new Error('ada is not there');
    const turn = p.messages.handedOver(agent.id)[0];
    const at = new Date(p.clock.now()).toISOString();
    const whole = { message: turn?.id, attempt: turn?.attempt, at, ...event } as Parameters<
      typeof handleEvents
    >[2]['events'][0];
    p.transaction(() => handleEvents(p, agent, { counter, events: [whole] }));
  });
}

const read = async (town: TestTown): Promise<PermissionView> =>
  (await town.api<PermissionView>('GET', `/permissions/${ASKED}`)).body;
const reasons = async (town: TestTown) => (await town.api<TownHealth>('GET', '/health')).body.reasons;
const codes = async (town: TestTown) => (await reasons(town)).map(({ code }) => code);
const answers = (town: TestTown) => town.container().requests.filter(({ path }) => path.includes('/permissions/'));
const taken =
  (outcome: string) =>
  (request: { path: string }, answer: { body: string; status: number; headers: Record<string, string> }) =>
    request.path.includes('/permissions/')
      ? { ...answer, status: 200, body: JSON.stringify({ ...(JSON.parse(answer.body) as object), outcome }) }
      : answer;

describe('what an agent asks', () => {
  it('is listed while it is open, with what may be answered, and reported in an event', async () => {
    const { town, message } = await asking();
    const { body } = await town.api<{ items: PermissionView[] }>('GET', '/permissions');
    expect(body.items).toMatchObject([{ id: ASKED, message, state: 'open', title: 'Write a file', options: OPTIONS }]);
    expect((await town.events()).filter(({ type }) => type === 'reeve.permission.requested')).toHaveLength(1);
  });

  it('stands in the health of its town while it is open, and says how to answer', async () => {
    const { town } = await asking();
    expect(await reasons(town)).toMatchObject([
      {
        code: 'permission_waits',
        status: 'amber',
        detail: expect.stringContaining(`'Write a file' (${ASKED}) and waits until`) as string,
        advice: expect.stringContaining('POST .../permissions/<id>') as string,
      },
    ]);
    town.container().after = taken('answered');
    await town.api('POST', `/permissions/${ASKED}`, { kind: 'allow_once' });
    expect(await reasons(town)).toEqual([]);
  });

  it('reaches the agent as the option of that kind, and is over then; the same answer again changes nothing', async () => {
    const { town } = await asking();
    town.container().after = taken('answered');
    const first = await town.api<PermissionView>('POST', `/permissions/${ASKED}`, { kind: 'allow_once' });
    expect(first).toMatchObject({ status: 200, body: { state: 'selected', option: 'y', resolved_by: 'person' } });
    expect(answers(town).map(({ body }) => JSON.parse(body) as object)).toEqual([{ inc: 1, option: 'y' }]);
    expect((await town.api('POST', `/permissions/${ASKED}`, { option: 'y' })).status).toBe(200);
    expect((await town.api('POST', `/permissions/${ASKED}`, { option: 'n' })).status).toBe(409);
    expect(answers(town)).toHaveLength(1);
  });

  it('is sent again until its container takes it, also after an eviction', async () => {
    const { town } = await asking();
    town.container().before = ({ path }) =>
      path.includes('/permissions/') ? { status: 503, headers: {}, body: '' } : null;
    expect((await town.api('POST', `/permissions/${ASKED}`, { option: 'n' })).status).toBe(202);
    await evictDurableObject(town.stub);
    town.container().before = () => null;
    town.container().after = taken('answered');
    await town.elapse(10 * MINUTE_MS);
    expect(await read(town)).toMatchObject({ state: 'selected', option: 'n' });
  });

  it('refuses what it does not offer, and a question that was not asked', async () => {
    const { town } = await asking();
    expect((await town.api('POST', `/permissions/${ASKED}`, { option: 'maybe' })).status).toBe(400);
    expect((await town.api('POST', `/permissions/${ASKED}`, { kind: 'allow_always' })).status).toBe(400);
    expect((await town.api('POST', `/permissions/${permissionId(8)}`, { option: 'y' })).status).toBe(404);
    expect((await read(town)).state).toBe('open');
  });

  it.each(['stop', 'retire'] as const)('is over with its agent: %s', async (how) => {
    const { town } = await asking();
    await (how === 'stop' ? town.api('POST', '/agents/ada/stop') : town.api('DELETE', '/agents/ada'));
    expect(await read(town)).toMatchObject({ state: 'cancelled', resolved_by: 'turn_ended' });
    const events = (await town.events()).filter(({ type }) => type === 'reeve.permission.resolved');
    expect(events).toHaveLength(1);
  });

  it('is closed a minute after its deadline where nothing is heard of it', async () => {
    const { town } = await asking();
    await town.elapse(10 * MINUTE_MS);
    expect((await read(town)).state).toBe('open');
    await town.elapse(MINUTE_MS);
    expect(await read(town)).toMatchObject({ state: 'cancelled', resolved_by: 'deadline' });
  });

  it('is settled by what its control server reports', async () => {
    const { town } = await asking();
    await report(town, {
      type: 'permission.resolved',
      permission: ASKED,
      outcome: 'cancelled',
      option: null,
      by: 'deadline',
    });
    expect(await read(town)).toMatchObject({ state: 'cancelled', resolved_by: 'deadline' });
  });
});

describe('a process that ends by itself', () => {
  it('is named for people, and its agent starts again with the message that it held', async () => {
    const { town, message } = await asking();
    const exited = { type: 'process.exited', exit_code: 3, signal: null, reason: 'crashed', stderr: 'out of ideas' };
    await report(town, exited);
    await town.elapse(1000);
    const ada = await town.read('ada');
    expect(ada).toMatchObject({ incarnation: 2, failure: { reason: 'crashed', detail: 'exit code 3: out of ideas' } });
    expect(await read(town)).toMatchObject({ state: 'cancelled' });
    expect((await town.message('ada', message)).attempts).toBe(2);
    const types = (await town.events()).map(({ type }) => type);
    expect(types).toContain('reeve.agent.exited');
  });

  it('is named by what the agent itself said, and not by the signal that ended it for that', async () => {
    const { town } = await asking();
    const detail = 'Authentication required: set a key';
    const exited = { type: 'process.exited', exit_code: null, signal: 'SIGTERM', reason: 'auth_required', stderr: '' };
    await report(town, { ...exited, detail });
    expect((await town.read('ada')).failure).toMatchObject({ reason: 'auth_required', detail });
    const event = (await town.events()).find(({ type }) => type === 'reeve.agent.exited');
    expect(event?.data).toMatchObject({ reason: 'auth_required', detail, signal: 'SIGTERM' });
  });

  it('stands in the health of its town until a turn comes to its end', async () => {
    const { town, message } = await asking();
    await report(town, { type: 'process.exited', exit_code: 3, signal: null, reason: 'crashed', stderr: 'no ideas' });
    const { id } = await town.read('ada');
    expect(await reasons(town)).toContainEqual(
      expect.objectContaining({
        code: 'process_failed',
        agent: id,
        detail: 'Its process came to nothing: crashed, exit code 3: no ideas.',
      }),
    );
    await town.elapse(1000);
    await town.until('ada', message, 'working');
    expect(await codes(town)).toContain('process_failed');
    await report(town, {
      type: 'turn.finished',
      result: { state: 'done', reply: 'there', truncated: false },
    });
    expect(await codes(town)).not.toContain('process_failed');
  });
});

describe('a runtime', () => {
  it('travels with the start, with the values of its secrets, which are stored nowhere; without one the agent fails and says so', async () => {
    const town = await TestTown.create();
    const runtime = { command: 'agent', args: ['--acp'], secrets: ['MODEL_KEY'] };
    await town.agent('bob');
    await inside(town, (p) => {
      const bob = p.agents.find('bob');
      if (bob === null) throw new Error('bob is not there');
      const whole = { ...runtime, env: {}, cwd: null, credentials: 'none' as const, permissions: 'ask' as const };
      p.runtimes.set(bob.id, whole);
    });
    lab.secrets.set('MODEL_KEY', new Secret('s3cret-value'));
    await town.api('POST', '/agents/bob/stop');
    await town.api('POST', '/agents/bob/start');
    const start = town.container().requests.findLast(({ path }) => path.endsWith('/start'));
    expect(JSON.parse(start?.body ?? '{}')).toMatchObject({
      runtime: { command: 'agent', args: ['--acp'], secrets: { MODEL_KEY: 's3cret-value' } },
    });
    const stored = await inside(town, (p) =>
      JSON.stringify([p.runtimes.get(p.agents.find('bob')?.id ?? 'agt_'), p.events.page(p.id, 0, 200)]),
    );
    expect(stored).not.toContain('s3cret');
    lab.secrets.clear();
    await town.api('POST', '/agents/bob/stop');
    await town.api('POST', '/agents/bob/start');
    expect(await town.read('bob')).toMatchObject({
      state: 'failed',
      failure: { reason: 'secret_missing', detail: 'no secret MODEL_KEY' },
    });
  });
});
