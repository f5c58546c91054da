/** A town goes back to an earlier state: what the platform answers where it cannot, and the order of the steps where it can. */
import { env, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Directory } from '../../src/directory/directory-store.ts';
import { edgeOf } from '../../src/http/edge/edge.ts';
import { watchTowns } from '../../src/http/watchdog.ts';
import type { AgentView, RestoreBegun, TownView } from '../../src/protocol/index.ts';
import { REACH_MS } from '../../src/town/restore-town.ts';
import { RESTART_AFTER_MS } from '../../src/town/state/recovery.ts';
import { footprint } from './support/footprint.ts';
import { inside } from './support/inside.ts';
import { lab } from './support/lab.ts';
import { bookmarkOf, endsOf, givePast, keepState } from './support/past-states.ts';
import { lastTokenOf } from './support/tokens.ts';
import { TestTown, api, type Answer } from './support/town.ts';
import { weather, type Strike } from './support/weather.ts';
import { deployment } from './support/wiring.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

const timeAt = (ms: number): string => new Date(ms).toISOString();
const calls = async (token: string): Promise<number> =>
  (await api('POST', '/v1/agent/heartbeat', HEARTBEAT, token)).status;
const markOf = (town: TestTown) => new Directory(env.DIRECTORY).restoreMark(town.id);
const restoredEvents = async (town: TestTown) =>
  (await town.events()).filter(({ type }) => type === 'reeve.town.restored').map(({ data }) => data);
const restore = (town: TestTown, to: object): Promise<Answer<RestoreBegun>> =>
  town.api<RestoreBegun>('POST', '/restore', to);

/** The object answers no call any more, and ends; nothing has started it again. */
async function ended(town: TestTown): Promise<void> {
  const before = endsOf(town);
  expect((await town.api('GET', '')).status).toBe(503);
  lab.clock.advance(RESTART_AFTER_MS);
  await expect.poll(() => endsOf(town)).toBe(before + 1);
}

/** The same, and the next call finds another one. */
async function restarted(town: TestTown): Promise<void> {
  await ended(town);
  expect((await town.api('GET', '')).status).toBe(200);
}

/** A town whose agent is at work in the state that was kept, and revoked since; `token` is the one that was revoked. */
async function revokedSince(): Promise<{ town: TestTown; keptAtMs: number; token: string; agent: AgentView }> {
  const town = await TestTown.create();
  await givePast(town);
  const agent = await town.agent('ada');
  await town.work('ada');
  const keptAtMs = lab.clock.now();
  await keepState(town);
  const token = lastTokenOf(agent);
  lab.clock.advance(5 * MINUTE_MS);
  await town.api('POST', '/agents/ada/revoke');
  await town.settled();
  expect(await calls(token)).toBe(401);
  return { town, keptAtMs, token, agent };
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a platform that keeps no past of an object, as workerd', () => {
  it.each([
    ['a time', () => ({ at: timeAt(lab.clock.now()) })],
    ['a bookmark', () => ({ bookmark: bookmarkOf(lab.clock.now()) })],
  ])('is refused %s as not supported, and nothing changes', async (_, target) => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.settled();
    const before = await footprint();
    const { status, body } = await restore(town, target());
    expect([status, body]).toEqual([501, expect.objectContaining({ code: 'not_supported' })]);
    expect(await footprint()).toEqual(before);
    expect(await markOf(town)).toBeNull();
    expect((await town.api('GET', '')).status).toBe(200);
  });
});

describe('a town that goes back', () => {
  it('has what it had, refuses every token of before, starts its agents anew, and can undo it', async () => {
    const { town, keptAtMs, token, agent } = await revokedSince();
    await town.api('DELETE', '/agents/ada');
    const { status, body } = await restore(town, { at: timeAt(keptAtMs) });
    expect([status, body]).toEqual([202, { undo: bookmarkOf(lab.clock.now()) }]);
    await restarted(town);
    expect(await calls(token)).toBe(401);
    expect(await restoredEvents(town)).toEqual([{ undo: body.undo }]);
    await town.elapse(5000);
    await expect.poll(async () => (await town.read('ada')).state).toBe('working');
    expect(await town.read(agent.id)).toMatchObject({ incarnation: 2, credential: { revoked_at: null } });
    expect(await calls(lastTokenOf(agent))).toBe(200);

    const since = lastTokenOf(agent);
    const undone = await restore(town, { bookmark: body.undo });
    expect(undone.status).toBe(202);
    await restarted(town);
    expect((await town.read(agent.id)).state).toBe('retired');
    expect([await calls(token), await calls(since)]).toEqual([401, 401]);
    expect(await restoredEvents(town)).toEqual([{ undo: undone.body.undo }]);
  });

  it('answers nothing between its answer and its end, so that nothing is accepted and lost', async () => {
    const { town, keptAtMs } = await revokedSince();
    await restore(town, { at: timeAt(keptAtMs) });
    const sent = await town.api('POST', '/agents/ada/messages', { content: 'too late' });
    expect([sent.status, sent.headers.get('retry-after')]).toEqual([503, '5']);
    const again = await restore(town, { at: timeAt(keptAtMs) });
    expect(again.status).toBe(503);
    await restarted(town);
  });

  it('tells apart its first call after it: a token that was revoked since is refused, though no other call came before', async () => {
    const { town, keptAtMs, token } = await revokedSince();
    await restore(town, { at: timeAt(keptAtMs) });
    await ended(town);
    expect(await calls(token)).toBe(401);
  });

  it('accepts no token while the directory cannot say whether it went back', async () => {
    const { town, keptAtMs, token } = await revokedSince();
    await restore(town, { at: timeAt(keptAtMs) });
    await ended(town);
    const asked = vi.spyOn(Directory.prototype, 'restoreMark').mockRejectedValue(new Error('down'));
    expect(await calls(token)).toBe(503);
    expect((await town.api('GET', '')).status).toBe(503);
    asked.mockRestore();
    expect(await calls(token)).toBe(401);
  });

  it('is finished by the watchdog where no call comes and its alarm is gone', async () => {
    const { town, keptAtMs } = await revokedSince();
    await restore(town, { at: timeAt(keptAtMs) });
    await ended(town);
    await runInDurableObject(town.stub, (_, { storage }) => storage.deleteAlarm());
    const noticed = () => inside(town, (p) => p.town.get()?.restoreMarkMs);
    expect(await noticed()).toBe(0);
    lab.clock.advance(11 * MINUTE_MS);
    const { config } = await deployment();
    await watchTowns({ ...edgeOf(env, config), clock: lab.clock });
    expect(await noticed()).toBe((await markOf(town))?.atMs);
  });

  it('stays as it is where the directory does not take the mark', async () => {
    const { town, keptAtMs } = await revokedSince();
    vi.spyOn(Directory.prototype, 'markRestore').mockRejectedValue(new Error('down'));
    expect((await restore(town, { at: timeAt(keptAtMs) })).status).toBe(503);
    expect((await town.read('ada')).credential.revoked_at).not.toBeNull();
  });

  it('goes to no time before it was made, and to none that is yet to come', async () => {
    const town = await TestTown.create();
    await givePast(town);
    const made = Date.parse((await town.api<TownView>('GET', '')).body.created_at);
    for (const at of [made - 1, lab.clock.now() + 1]) {
      const { status, body } = await restore(town, { at: timeAt(at) });
      expect([status, body]).toMatchObject([400, { errors: [{ path: 'at' }] }]);
    }
    expect(await markOf(town)).toBeNull();
  });

  it('goes back 30 days, and no further, by time or by bookmark', async () => {
    const town = await TestTown.create();
    await givePast(town);
    await keepState(town);
    lab.clock.advance(31 * DAY_MS);
    const edge = lab.clock.now() - REACH_MS;
    for (const [to, path] of [
      [{ at: timeAt(edge - 1) }, 'at'],
      [{ bookmark: bookmarkOf(edge - 1) }, 'bookmark'],
      [{ bookmark: bookmarkOf(lab.clock.now() + 1) }, 'bookmark'],
    ] as const) {
      expect((await restore(town, to)).body, JSON.stringify(to)).toMatchObject({ errors: [{ path }] });
    }
    expect((await restore(town, { at: timeAt(edge) })).status).toBe(202);
    await restarted(town);
  });
});

/** Every step, and how it is cut; `back`: whether the town has gone back by then. */
const CUTS: readonly (readonly [effect: string, fault: Strike['fault'], back: boolean])[] = [
  ['directory.markRestore', 'dies before', false],
  ['directory.markRestore', 'dies after', false],
  ['recovery.goBack', 'dies before', false],
  ['recovery.goBack', 'breaks before', false],
  ['recovery.goBack', 'dies after', true],
  ['town.noticed', 'dies before', true],
  ['town.noticed', 'dies after', true],
];

describe('a restore that is cut', () => {
  it.each(CUTS)('at %s, where the town %s, accepts nothing that was refused before', async (effect, fault, back) => {
    const { town, keptAtMs, token, agent } = await revokedSince();
    weather.begin(town.id, { layer: 'town', effect, nth: 1, fault });
    const { status } = await restore(town, { at: timeAt(keptAtMs) });
    if (status === 202) {
      await ended(town);
      // The first call that it is asked is the one that is cut.
      await town.api('GET', '');
    }
    expect(weather.struck).toBe(true);
    weather.end();
    expect(await calls(token)).toBe(401);
    await town.elapse(MINUTE_MS);
    expect(await calls(token)).toBe(401);
    expect((await town.read(agent.id)).credential.revoked_at === null).toBe(back);
    // It is not stuck: the same again does it.
    expect((await restore(town, { at: timeAt(keptAtMs) })).status).toBe(202);
    await restarted(town);
    expect((await town.read(agent.id)).credential.revoked_at).toBeNull();
    expect(await calls(token)).toBe(401);
  });
});
