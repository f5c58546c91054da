import { beforeEach, describe, expect, test } from 'vitest';
import { makeId } from '#protocol';
import type { Figures } from '../../../src/directory/figures.ts';
import { ALL_EVENT_COUNTS } from '../../../src/directory/figures.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import { METRICS } from '../../../src/http/operators/families.ts';
import { MAX_TOWNS_SHOWN } from '../../../src/http/operators/fleet.ts';
import { DEV_TOKEN } from '../../support/bindings.ts';
import { FOREIGN, OWN, UNKNOWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { NOW_MS } from '../../support/issuer.ts';
import { WITHOUT_PROMTOOL, promtool } from '../../support/promtool.ts';
import { serveScene } from '../../support/served-edge.ts';

const SECRET = 'a-secret-of-the-operator-of-32-characters';

let scene: EdgeScene;
beforeEach(async () => {
  scene = await makeScene({ METRICS_SECRET: SECRET });
});

const publish = (id: typeof OWN, figures: Figures) => scene.edge.figures.publish(id, { atMs: NOW_MS - 1000, figures });
const scrape = async (query = '', bearer?: string): Promise<string> =>
  (await scene.send('GET', `/metrics${query}`, bearer === undefined ? {} : { bearer })).text();
/** The value of a sample, as its line begins. */
function valueOf(text: string, sample: string): number | null {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `));
  return line === undefined ? null : Number(line.slice(sample.length));
}
const townsIn = (text: string): string[] => [
  ...new Set(Array.from(text.matchAll(/town="(\w+)"/g), ([, id]) => id ?? '')),
];

describe('the figures of a fleet', () => {
  test('T10: are read from the directory alone: no town is touched, whoever asks', async () => {
    await publish(OWN, { status: 2, waiting: 3 });
    for (const bearer of [undefined, SECRET]) expect(await scrape('', bearer)).toContain('reeve_town_queue_messages');
    expect(await scrape(`?town=${OWN}`)).toContain(OWN);
    expect(scene.calls).toEqual([]);
  });

  test('are those of the towns that a person is a member of; the operator sees all', async () => {
    await publish(OWN, { status: 0 });
    await publish(FOREIGN, { status: 2 });
    expect(townsIn(await scrape())).toEqual([OWN]);
    expect(valueOf(await scrape(), 'reeve_fleet_towns{status="red"}')).toBe(0);
    const all = await scrape('', SECRET);
    expect(townsIn(all)).toEqual([OWN, FOREIGN]);
    expect(valueOf(all, 'reeve_fleet_towns{status="red"}')).toBe(1);
  });

  test('of one town that is asked for; one of others is the same 404 as one that is not there', async () => {
    await publish(FOREIGN, { status: 2 });
    expect(townsIn(await scrape(`?town=${FOREIGN}`, SECRET))).toEqual([FOREIGN]);
    for (const town of [FOREIGN, UNKNOWN, 'x']) {
      expect((await scene.send('GET', `/metrics?town=${town}`)).status, town).toBe(404);
    }
    expect((await scene.send('GET', `/metrics?town=${UNKNOWN}`, { bearer: SECRET })).status).toBe(404);
  });

  test('are for keys of scope admin, and for no agent and no stranger', async () => {
    for (const [scope, status] of [
      ['read', 403],
      ['chat', 403],
      ['admin', 200],
    ] as const) {
      const made = await scene.send('POST', '/v1/keys', { json: { name: scope, scope } });
      const { key } = (await made.json()) as { key: string };
      for (const method of ['GET', 'HEAD']) {
        expect((await scene.send(method, '/metrics', { bearer: key })).status, `${method} ${scope}`).toBe(status);
      }
    }
    const strangers = [null, await scene.agentToken(), `${SECRET}x`, SECRET.slice(1)];
    for (const bearer of strangers) expect((await scene.send('GET', '/metrics', { bearer })).status).toBe(401);
    expect(scene.calls).toEqual([]);
  });

  test('without METRICS_SECRET there is no operator', async () => {
    scene = await makeScene();
    for (const bearer of [SECRET, 'undefined', 'null']) {
      expect((await scene.send('GET', '/metrics', { bearer })).status).toBe(401);
    }
  });

  test('tell what changes with time as it is at this moment, from the times that the town said', async () => {
    await publish(OWN, {
      in_use: 2,
      expires_first_at_ms: NOW_MS + 60_000,
      expires_p1_at_ms: NOW_MS - 5000,
      issued_first_at_ms: NOW_MS - 90_000,
      waiting: 1,
      waiting_first_at_ms: NOW_MS - 700_000,
      sweep_at_ms: NOW_MS - 5000,
      ack_lag_ms: 250,
    });
    const text = await scrape();
    const of = (metric: string, labels = ''): number | null =>
      valueOf(text, `reeve_town_${metric}{town="${OWN}"${labels}}`);
    expect(of('token_expires_in_seconds', ',stat="min"')).toBe(60);
    expect(of('token_expires_in_seconds', ',stat="p1"')).toBe(-5);
    expect(of('token_age_seconds')).toBe(90);
    expect(of('queue_age_seconds')).toBe(700);
    expect(of('token_ack_lag_seconds')).toBe(0.25);
    expect(of('last_sweep_timestamp_seconds')).toBe((NOW_MS - 5000) / 1000);
    expect(of('figures_timestamp_seconds')).toBe((NOW_MS - 1000) / 1000);
    expect(valueOf(text, 'reeve_fleet_token_expires_in_seconds{stat="min"}')).toBe(60);
  });

  test('of many towns are sums and extremes; the first percentile counts each token, and is never later than the true one', async () => {
    // 300 tokens, of which the three that expire first are the hundredth part: two of this town, and then those of the other.
    await publish(OWN, {
      in_use: 2,
      expires_p1_at_ms: NOW_MS + 10_000,
      agents_idle: 1,
      queue: 1,
      waiting: 2,
    } as Figures);
    await publish(FOREIGN, { in_use: 298, expires_p1_at_ms: NOW_MS + 50_000, agents_idle: 2, waiting: 3 });
    const text = await scrape('', SECRET);
    expect(valueOf(text, 'reeve_fleet_token_expires_in_seconds{stat="p1"}')).toBe(50);
    expect(valueOf(text, 'reeve_fleet_agents{state="idle"}')).toBe(3);
    expect(valueOf(text, 'reeve_fleet_queue_messages')).toBe(5);
    expect(valueOf(text, 'reeve_fleet_tokens_in_use')).toBe(300);
  });

  test('say since when a town is overdue by the directory, also of one that has said nothing', async () => {
    await scene.edge.directory.plan(OWN, NOW_MS - 7_200_000);
    const text = await scrape();
    expect(valueOf(text, `reeve_town_overdue_seconds{town="${OWN}"}`)).toBe(7200);
    expect(valueOf(text, 'reeve_fleet_overdue_seconds')).toBe(7200);
    expect(valueOf(text, 'reeve_fleet_towns{status="unknown"}')).toBe(1);
  });

  test('have no more than so many towns with samples of their own, over all pages; the rest is in the sums', async () => {
    const ids = Array.from({ length: 700 }, () => makeId('town', randomBytes(20)));
    for (const id of ids) {
      await scene.edge.directory.create({ id, name: 'one', owner: 'dev', createdAtMs: NOW_MS });
      await publish(id, { status: 1, waiting: 1 });
    }
    const text = await scrape();
    expect(townsIn(text)).toHaveLength(MAX_TOWNS_SHOWN);
    expect(valueOf(text, 'reeve_fleet_queue_messages')).toBe(700);
    expect(valueOf(text, 'reeve_fleet_towns_left_out')).toBe(701 - MAX_TOWNS_SHOWN);
    expect(valueOf(text, 'reeve_fleet_complete')).toBe(1);
  });

  test('go with their town, and are not kept for one that is being deleted', async () => {
    await publish(OWN, { status: 0 });
    await scene.edge.directory.markDeleted(OWN, NOW_MS);
    expect(townsIn(await scrape())).toEqual([]);
    expect(townsIn(await scrape('', SECRET))).toEqual([FOREIGN]);
    for (const bearer of [DEV_TOKEN, SECRET]) {
      expect((await scene.send('GET', `/metrics?town=${OWN}`, { bearer })).status).toBe(404);
    }
    await scene.edge.directory.remove(OWN);
    expect(await scene.rows('town_figures')).toEqual([]);
    await expect(publish(OWN, { status: 0 })).rejects.toThrow();
  });

  test('are numbers alone: what another release wrote, or a broken row, is no sample', async () => {
    await publish(OWN, { status: 'x"} 1', waiting: 1, new_name: 5, failing: null } as unknown as Figures);
    const text = await scrape();
    expect(valueOf(text, `reeve_town_queue_messages{town="${OWN}"}`)).toBe(1);
    expect(text).not.toMatch(/x"|new_name|NaN|null/);
  });

  test('count of events all that towns count', () => {
    const counted = METRICS.filter(({ type }) => type === 'counter').flatMap(({ of }) => of.map(([figure]) => figure));
    expect(counted.toSorted()).toEqual(ALL_EVENT_COUNTS.toSorted());
  });

  test.skipIf(WITHOUT_PROMTOOL !== null)(
    'are text that Prometheus reads and its linter has nothing against, over a real connection',
    async () => {
      const every = Object.fromEntries(METRICS.flatMap(({ of }) => of.map(([figure]) => [figure, NOW_MS - 1])));
      await publish(OWN, every);
      const served = await serveScene(scene);
      const response = await fetch(`${served.url}/metrics`, { headers: { authorization: `Bearer ${SECRET}` } });
      const text = await response.text();
      await served.stop();
      expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(promtool(['check', 'metrics'], text)).toBe('');
      for (const { name } of METRICS) expect(text).toContain(`\nreeve_town_${name}{town="${OWN}"`);
    },
  );
});
