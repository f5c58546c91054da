/** Deaths at chosen moments. `crash-*.test.ts` cut every effect of every verb; these are the ones that people ask about. */
import { abortAllDurableObjects, env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { SweepReport } from '../../../src/town/state/sweep-store.ts';
import { HANGS, lab, type LabRequest } from '../support/lab.ts';
import { claimsOf } from '../support/claims.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { api, type TestTown } from '../support/town.ts';
import { weather, type Strike } from '../support/weather.ts';
import { World } from '../support/world.ts';
import type { AgentView } from '../../../src/protocol/index.ts';

const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };
const beat = async (bearer: string) =>
  (await api<{ code?: string }>('POST', '/v1/agent/heartbeat', HEARTBEAT, bearer)).status;

const at = (effect: string, fault: Strike['fault'], nth = 1): Strike => ({ layer: 'town', effect, nth, fault });

/** A world with one agent in a turn. */
async function atWork(seconds = 6): Promise<{ world: World; town: TestTown; ada: AgentView }> {
  const world = await World.create();
  await world.afterSweep();
  await world.create('ada');
  await world.work(['ada'], seconds);
  return { world, town: world.town, ada: await world.town.read('ada') };
}

/** Lets the ordered fault happen in `work`, and waits until nothing moves any more. */
async function struck(world: World, strike: Strike, work: () => Promise<unknown>): Promise<void> {
  weather.begin(world.town.id, strike);
  await work().catch(() => undefined);
  await world.settled();
  expect(weather.struck, 'the fault happened').toBe(true);
}

const credentialOf = async (world: World) => (await world.snapshot()).agents[0]?.credential;
const eventsOf = async (town: TestTown, type: string) => (await town.events()).filter((event) => event.type === type);

describe('the town dies', () => {
  it('S-01: after the generation is stored, before the push: the container has a newer one within one retry; no probe sees 401', async () => {
    const { world, town, ada } = await atWork();
    const before = ada.credential.minted;
    const died = lab.clock.now();
    await struck(world, at('mint', 'dies after'), () => town.api('POST', '/agents/ada/refresh', {}));
    expect(await credentialOf(world)).toMatchObject({ minted: before + 1, acked: before });
    expect(await beat(lastTokenOf(ada))).toBe(200);
    await town.elapse(died + 15_000 - lab.clock.now());
    expect((await town.read('ada')).credential).toMatchObject({ minted: before + 2, acked: before + 2 });
    await world.hold();
  });

  it('S-02: after the container accepted, before the record: the repeat changes nothing, and the message is not run twice', async () => {
    const world = await World.create();
    const ada = await world.create('ada');
    await struck(world, at('link.deliver', 'dies after'), () => world.send('ada', 'hello'));
    expect((await world.snapshot()).messages).toMatchObject([{ state: 'queued', attempt: 1 }]);
    const snapshot = await world.calm();
    expect(snapshot.messages).toMatchObject([{ state: 'done', attempt: 1 }]);
    expect(lab.turns.filter(({ agent }) => agent === ada.id)).toHaveLength(1);
    await world.hold();
  });

  it('a result that comes as the answer to a repeated delivery is reported in an event like any other', async () => {
    const world = await World.create();
    await world.create('ada');
    await struck(world, at('tokens.pushed', 'breaks before'), () => world.send('ada', 'hello'));
    // The turn is over, and its report is still to come; the repeat is answered first.
    await world.ring();
    expect((await world.snapshot()).messages).toMatchObject([{ state: 'done' }]);
    expect(await eventsOf(world.town, 'reeve.turn.finished')).toHaveLength(1);
    await world.hold();
    expect(await eventsOf(world.town, 'reeve.turn.finished')).toHaveLength(1);
  });

  it('a result that only the answer to a repeated delivery brings, because no report comes through, is reported in an event', async () => {
    const world = await World.create();
    const ada = await world.create('ada');
    lab.silent.add(ada.id);
    await struck(world, at('tokens.pushed', 'breaks before'), () => world.send('ada', 'hello'));
    expect((await world.snapshot()).messages).toMatchObject([{ state: 'queued' }]);
    await world.ring();
    await world.settled();
    const result = { message: (await world.snapshot()).messages[0]?.id, state: 'done', attempt: 1 };
    expect((await world.snapshot()).messages).toMatchObject([{ state: 'done' }]);
    expect((await eventsOf(world.town, 'reeve.turn.finished')).map(({ data }) => data)).toMatchObject([result]);
    // The report comes later, and is old news.
    lab.silent.delete(ada.id);
    await world.hold();
    expect(await eventsOf(world.town, 'reeve.turn.finished')).toHaveLength(1);
  });

  it('T5: while it starts its first agent: an alarm is set for the start that is due, without a request', async () => {
    const world = await World.create();
    await struck(world, at('link.open', 'dies after'), () => world.create('ada'));
    const { due, alarm, now } = await world.snapshot();
    expect(due.start).not.toBeNull();
    expect((alarm ?? 0) - now).toBeGreaterThan(0);
    expect((alarm ?? 0) - now).toBeLessThanOrEqual(15_000);
    await world.ring();
    expect((await world.snapshot()).agents).toMatchObject([{ agent: { state: 'idle', inc: 1 } }]);
  });

  it('S-14: in the middle of a teardown: the token is refused from the first answer on, and the teardown resumes', async () => {
    const { world, town, ada } = await atWork(3000);
    const token = lastTokenOf(ada);
    await struck(world, at('link.retire', 'dies before'), () => town.api('DELETE', '/agents/ada'));
    expect(await beat(token)).toBe(401);
    expect(world.container.registry.size).toBe(1);
    await world.ring();
    expect(world.container.registry.size).toBe(0);
    const snapshot = await world.calm();
    expect(snapshot.agents).toMatchObject([{ agent: { state: 'retired', endDueAtMs: null } }]);
    await world.hold();
  });

  it('S-14: after the container confirmed: the repeat is confirmed too, and a second teardown is a no-op', async () => {
    const { world, town, ada } = await atWork(3000);
    await struck(world, at('link.retire', 'dies after'), () => town.api('DELETE', '/agents/ada'));
    await world.calm();
    const seen = world.container.requests.length;
    const again = await town.api<AgentView>('DELETE', `/agents/${ada.id}`);
    expect([again.status, again.body.state]).toEqual([200, 'retired']);
    expect(world.container.requests.length).toBe(seen);
    expect(await eventsOf(town, 'reeve.agent.retired')).toHaveLength(1);
    expect(await eventsOf(town, 'reeve.agent.teardown_confirmed')).toHaveLength(1);
  });

  it.each([
    ['tokens.allocate', 'breaks after'],
    ['events.append', 'breaks before'],
    ['events.append', 'breaks after'],
    ['transaction', 'dies before'],
  ] as const)('W-33: the mint and its audit event commit together or not at all (%s %s)', async (effect, fault) => {
    const { world, town, ada } = await atWork();
    const issued = (await eventsOf(town, 'reeve.token.issued')).length;
    await struck(world, at(effect, fault), () => town.api('POST', '/agents/ada/refresh', {}));
    expect((await credentialOf(world))?.minted).toBe(ada.credential.minted);
    expect(await eventsOf(town, 'reeve.token.issued')).toHaveLength(issued);
    await town.api('POST', '/agents/ada/refresh', {});
    await world.hold();
  });

  it('a forced push to an idle agent that it died in leaves nothing due: its next message brings its next token', async () => {
    const world = await World.create();
    await world.create('ada');
    await struck(world, at('link.refreshOne', 'dies after'), () => world.town.api('POST', '/agents/ada/refresh', {}));
    expect(await world.snapshot()).toMatchObject({ due: { pushRetry: null } });
    await world.hold();
  });

  it('S-08: a deploy in mid-sweep: the union of the refreshed is complete, and who was acked is not pushed again', async () => {
    const world = await World.create();
    const { town } = world;
    await world.afterSweep();
    const names = Array.from({ length: 12 }, (_, nth) => `agent-${nth}`);
    for (const name of names) await world.create(name);
    await world.work(names, 3000);
    const isPush = ({ path }: LabRequest): boolean => path === '/agents/refresh-tokens';
    // Of three containers the first answers, the second answers into the deploy, and the third is never reached.
    town.container(1).after = (request, answer) => (isPush(request) ? HANGS : answer);
    town.container(2).before = (request) => (isPush(request) ? HANGS : null);
    const pushed = (index: number): number => town.container(index).requests.filter(isPush).length;
    const ringing = world.ringSweep();
    await world.until(() => [0, 1, 2].every((index) => pushed(index) === 1));
    await expect.poll(async () => (await town.read('agent-0')).credential.reason).toBe('sweep');
    // The ack: its outcome says `applied` since its delivery.
    await expect.poll(async () => (await town.read('agent-0')).credential.acked).toBe(3);
    await abortAllDurableObjects();
    await ringing;
    for (const index of [1, 2]) town.container(index).after = (_, answer) => answer;
    town.container(2).before = () => null;
    await town.elapse(60_000);
    for (const name of names) {
      const { credential } = await town.read(name);
      expect(credential, name).toMatchObject({ reason: 'sweep', acked: credential.minted });
      expect(lab.clock.now() - Date.parse(credential.issued_at ?? ''), name).toBeLessThan(120_000);
    }
    expect(pushed(0)).toBe(1);
  });
});

describe('an answer is lost', () => {
  it('W-11: the issuer minted and the answer was lost: the retry succeeds, and nothing is revoked', async () => {
    const { world, town, ada } = await atWork();
    const old = lastTokenOf(ada);
    const nearExpiryMs = 10_600_000;
    const route = '/v1/container/:container/agents/:agent/token';
    weather.begin(town.id, { layer: 'agent call', effect: route, nth: 1, fault: 'lost after' });
    lab.clock.advance(nearExpiryMs);
    await world.settled();
    // The next beat refreshes ahead; its first try is lost, and the second comes after a pause of the client's.
    for (let step = 0; step < 5; step += 1) {
      lab.clock.advance(1000);
      await world.settled();
    }
    expect(weather.struck).toBe(true);
    const { gen } = claimsOf(lastTokenOf(ada));
    expect(gen).toBe(ada.credential.minted + 2);
    expect(await beat(old)).toBe(200);
    expect(await credentialOf(world)).toMatchObject({ minGen: 0, revokedAtMs: null });
    await world.hold();
  });

  it('M-10: the old token stays valid until the new one is acknowledged, and with revoke_older no longer', async () => {
    const { world, town, ada } = await atWork(3000);
    const old = lastTokenOf(ada);
    const isPush = ({ path }: LabRequest): boolean => path.includes('refresh-token');
    world.container.before = (request) => (isPush(request) ? { status: 500, headers: {}, body: '' } : null);
    const lost = await town.api<SweepReport>('POST', '/agents/ada/refresh', { revoke_older: true });
    expect(lost.body).toMatchObject({ ok: 0, failed: 1 });
    expect(await beat(old)).toBe(200);
    world.container.before = () => null;
    await town.elapse(15_000);
    expect((await town.read('ada')).credential.acked).toBe(ada.credential.minted + 2);
    expect(await beat(old)).toBe(401);
    expect(await credentialOf(world)).toMatchObject({ minGen: ada.credential.minted + 1 });
  });
});

describe('the alarm is lost', () => {
  it('S-06: any request arms it, whichever it is', async () => {
    const { world, town, ada } = await atWork(3000);
    const { due } = await world.snapshot();
    const requests: Record<string, () => Promise<unknown>> = {
      'GET town': () => town.api('GET', ''),
      'GET health': () => town.api('GET', '/health'),
      'GET agents': () => town.api('GET', '/agents'),
      'GET agent': () => town.api('GET', '/agents/ada'),
      'GET messages': () => town.api('GET', '/agents/ada/messages'),
      'GET events': () => town.api('GET', '/events'),
      'GET of what is not there': () => town.api('GET', '/agents/nobody'),
      'POST message': () => town.api('POST', '/agents/ada/messages', { content: 'hello' }),
      'POST refresh': () => town.api('POST', '/agents/ada/refresh', {}),
      heartbeat: () => beat(lastTokenOf(ada)),
      'heartbeat that is refused': () => beat(`${lastTokenOf(ada).slice(0, -4)}AAAA`).then(() => town.api('GET', '')),
      hello: () => env.TOWN.getByName(town.id).hello(),
    };
    for (const [name, request] of Object.entries(requests)) {
      await runInDurableObject(town.stub, (_, { storage }) => storage.deleteAlarm());
      await request();
      await world.settled();
      const { alarm } = await world.snapshot();
      expect(alarm, name).not.toBeNull();
      expect(alarm, name).toBeLessThanOrEqual(due.sweep ?? 0);
    }
  });
});
