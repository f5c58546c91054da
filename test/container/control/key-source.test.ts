import { describe, expect, it } from 'vitest';
import { KeySource } from '../../../container/control/key-source.ts';
import type { PublicKeySet } from '../../../container/config.ts';
import { TestControlServer } from '../support/control-server.ts';
import { FakeTownApi, TOWN_URL, hang, problemAnswer } from '../support/fake-town-api.ts';
import { KeptLog } from '../support/log.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';
import { NO_METRICS } from '../../../container/lib/metrics.ts';
import { passingTracer } from '../../../container/lib/tracer.ts';
import { TownReach } from '../../../container/lib/town-reach.ts';
import { newKey } from '../../../src/tokens/key-edit.ts';
import type { PrivateKey } from '../../../src/tokens/key-set.ts';
import { keySetOf, publicJwkOf, signPush } from '../support/push.ts';

const JWKS = '/.well-known/jwks.json';

interface Scene {
  readonly clock: ManualClock;
  readonly town: FakeTownApi;
  readonly log: KeptLog;
  readonly knows: (key: PrivateKey) => Promise<boolean>;
}

function scene(seed: PublicKeySet, published: PublicKeySet): Scene {
  const clock = new ManualClock();
  const town = new FakeTownApi(() => clock.nowMs());
  town.publicKeys = published.keys;
  const log = new KeptLog();
  const platform = {
    clock,
    fetch: town.fetch,
    log,
    randomBytes: (count: number) => new Uint8Array(count),
    metrics: NO_METRICS,
    tracer: passingTracer((count) => new Uint8Array(count)),
    reach: new TownReach(log),
  };
  const source = new KeySource(platform, TOWN_URL, seed, new AbortController().signal);
  const knows = async ({ kid }: PrivateKey): Promise<boolean> => {
    const header = { alg: 'ES256', kid };
    const key = source.find(header, { payload: '', signature: '' });
    return Promise.resolve(key).then(
      () => true,
      () => false,
    );
  };
  return { clock, town, log, knows };
}

describe('KeySource', () => {
  it('serves the seed without any request', async () => {
    const key = await newKey('active');
    const { town, knows } = scene(keySetOf(key), keySetOf(key));
    expect(await knows(key)).toBe(true);
    expect(town.requests).toEqual([]);
  });

  it('fetches once for a kid that it does not hold, however many ask', async () => {
    const key = await newKey('active');
    const { town, knows } = scene({ keys: [] }, keySetOf(key));
    expect(await Promise.all([knows(key), knows(key), knows(key)])).toEqual([true, true, true]);
    expect(town.count(JWKS)).toBe(1);
  });

  it('W-34: an unknown kid costs at most one fetch per 30 s', async () => {
    const [key, unknown] = [await newKey('active'), await newKey('active')];
    const { clock, town, knows } = scene(keySetOf(key), keySetOf(key));
    for (let tries = 0; tries < 5; tries += 1) expect(await knows(unknown)).toBe(false);
    await clock.advance(29_999);
    expect(await knows(unknown)).toBe(false);
    expect(town.count(JWKS)).toBe(1);
    await clock.advance(1);
    expect(await knows(unknown)).toBe(false);
    expect(town.count(JWKS)).toBe(2);
  });

  it('fetches again after 10 min, without making any request wait, and drops a key that is gone', async () => {
    const [old, fresh] = [await newKey('active'), await newKey('active')];
    const { clock, town, knows } = scene(keySetOf(old), keySetOf(fresh));
    await clock.advance(600_000);
    expect(await knows(old)).toBe(true);
    expect(town.count(JWKS)).toBe(0);
    await clock.advance(1);
    expect(await knows(old)).toBe(true);
    await settle();
    expect(town.count(JWKS)).toBe(1);
    expect(await knows(fresh)).toBe(true);
    expect(await knows(old)).toBe(false);
  });

  it('keeps its keys through every kind of failure, and gives a fetch up after 5 s', async () => {
    const [key, unknown] = [await newKey('active'), await newKey('active')];
    const { clock, town, log, knows } = scene(keySetOf(key), keySetOf(key));
    const said = () =>
      log.lines.filter(({ event }) => event.startsWith('keys_')).map(({ event, fields }) => ({ event, ...fields }));
    const answers = [
      () => problemAnswer('unavailable'),
      () => Promise.reject(new TypeError('refused')),
      () => Response.json({ keys: [] }),
      () => Response.json({}),
    ];
    for (const answer of answers) {
      town.intercept = answer;
      expect(await knows(unknown)).toBe(false);
      expect(await knows(key)).toBe(true);
      await clock.advance(30_000);
    }
    expect(said()).toEqual([
      { event: 'keys_not_fetched', failures: 1, status: 503 },
      { event: 'keys_not_fetched', failures: 2, reason: 'network' },
      { event: 'keys_not_fetched', failures: 3, reason: 'malformed' },
    ]);
    town.intercept = hang;
    const asked = knows(unknown);
    await clock.advance(5_000);
    expect(await asked).toBe(false);
    expect(await knows(key)).toBe(true);
    expect(clock.pending).toBe(0);
    town.intercept = () => undefined;
    await clock.advance(30_000);
    expect([await knows(unknown), await knows(unknown)]).toEqual([false, false]);
    expect(said().slice(3)).toEqual([{ event: 'keys_fetched', failures: 5 }]);
  });

  it('A-24: drops the private part of a key that the town shows by mistake', async () => {
    const key = await newKey('active');
    const leaking = { keys: [{ ...publicJwkOf(key), d: 'A'.repeat(43) }] };
    const town = scene({ keys: [] }, keySetOf(key));
    town.town.publicKeys = leaking.keys;
    // With a private part jose would refuse the key, or worse, hold it; without it, the key is a public one.
    expect(await town.knows(key)).toBe(true);
  });

  it('a rotation in the middle of traffic costs no push', async () => {
    const { control, session } = await TestControlServer.withAgent();
    const next = await newKey('active');
    control.town.publicKeys = keySetOf(control.key, next).keys;
    const order = control.order(session, 'GET', '/agents');
    expect((await control.send(order, await signPush(next, order))).status).toBe(200);
    expect((await control.send(order, await signPush(control.key, order))).status).toBe(200);
    expect(control.town.count(JWKS)).toBe(1);
  });

  it('a server without a seed learns its keys at the first push', async () => {
    const { control } = await TestControlServer.withAgent({ seeded: false });
    expect(control.town.count(JWKS)).toBe(1);
  });
});
