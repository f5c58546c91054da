import { describe, expect, test } from 'vitest';
import { migrate } from '../../src/lib/migrate.ts';
import { MAX_FACTS_UNITS, generationsIn } from '../../src/tokens/credential-facts.ts';
import { TokenStore } from '../../src/tokens/token-store.ts';
import { TOWN_SCHEMA } from '../../src/town/state/schema.ts';
import { agentId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const ADA = agentId(1);
const HOUR_MS = 3_600_000;
const TTL_MS = 3 * HOUR_MS;
/** A whole second, as tokens have it, and some. */
const T = 1_800_000_000_123;

function store() {
  const storage = objectStorage();
  migrate(storage, TOWN_SCHEMA);
  const tokens = new TokenStore(storage.sql);
  tokens.add(ADA);
  const tokenOf = (gen: number, atMs: number) => {
    const issuedAtMs = Math.floor(atMs / 1000) * 1000;
    return { gen, kid: 'k', issuedAtMs, expiresAtMs: issuedAtMs + TTL_MS };
  };
  return {
    tokens,
    tokenOf,
    seen: (validFromMs = 0) => generationsIn(tokens.facts(ADA), validFromMs),
    issue: (atMs: number, inc = 1) => tokens.allocate(ADA, inc, 'sweep', atMs, null),
    ack: (gen: number, atMs: number) => tokens.pushed(ADA, tokenOf(gen, atMs), 'applied', atMs),
    use: (gen: number, atMs: number) => tokens.used(ADA, tokenOf(gen, atMs), atMs),
  };
}

describe('the generations of an agent', () => {
  test('tell when each was issued, confirmed and first used, and when it expires', () => {
    const { tokens, seen, issue, ack, use } = store();
    tokens.allocate(ADA, 37, 'start', T, null);
    expect(seen()).toMatchObject([{ gen: 1, ackedAtMs: null, firstUsedAtMs: null, expiresAtMs: null, outcome: null }]);
    ack(1, T + 7);
    use(1, T + 900);
    use(1, T + 5000);
    issue(T + HOUR_MS, 38);
    expect(seen()).toEqual([
      {
        gen: 2,
        inc: 38,
        reason: 'sweep',
        issuedAtMs: T + HOUR_MS,
        ackedAtMs: null,
        firstUsedAtMs: null,
        expiresAtMs: null,
        outcome: null,
        error: null,
        revokedAtMs: null,
      },
      {
        gen: 1,
        inc: 37,
        reason: 'start',
        issuedAtMs: T,
        ackedAtMs: T + 7,
        firstUsedAtMs: T + 900,
        expiresAtMs: Math.floor((T + 7) / 1000) * 1000 + TTL_MS,
        outcome: 'applied',
        error: null,
        revokedAtMs: null,
      },
    ]);
  });

  test('say that the agent called with one before its push was answered', () => {
    const { seen, issue, use } = store();
    issue(T);
    use(1, T + 40);
    expect(seen()[0]).toMatchObject({ ackedAtMs: T + 40, firstUsedAtMs: T + 40, outcome: 'in_use' });
  });

  test('name what a push came to that did not arrive, and forget it where it did after all', () => {
    const { tokens, seen, issue, ack } = store();
    const end = { outcome: 'timeout', error: 'no answer.\nin 5000 ms' };
    issue(T);
    tokens.failed(ADA, 1, end, { atMs: null, tries: 1 }, T + 5000);
    expect(seen()[0]).toMatchObject({ outcome: 'timeout', error: 'no answer. in 5000 ms', ackedAtMs: null });
    issue(T + 6000);
    tokens.closed(ADA, 2, { outcome: 'asleep', error: null }, T + 6100);
    expect(seen()[0]).toMatchObject({ gen: 2, outcome: 'asleep', error: null });
    tokens.pulled(ADA, 2, T + 6200);
    expect(seen()[0]).toMatchObject({ gen: 2, outcome: 'pulled' });
    ack(1, T + 7000);
    expect(seen()[1]).toMatchObject({ gen: 1, outcome: 'applied', error: null, ackedAtMs: T + 7000 });
  });

  test('are refused from a revocation on, from a cut once it is confirmed, and from a restore on', () => {
    const revoked = store();
    revoked.issue(T);
    revoked.issue(T + 1);
    revoked.tokens.revoke(ADA, T + 500);
    revoked.issue(T + 900);
    expect(revoked.seen().map(({ revokedAtMs }) => revokedAtMs)).toEqual([null, T + 500, T + 500]);

    const cut = store();
    for (const at of [T, T + 1]) cut.issue(at);
    cut.tokens.cutAt(ADA, 2);
    expect(cut.seen().map(({ revokedAtMs }) => revokedAtMs)).toEqual([null, null]);
    cut.ack(2, T + 30);
    expect(cut.seen().map(({ revokedAtMs }) => revokedAtMs)).toEqual([null, T + 30]);

    const restored = store();
    restored.issue(T);
    const validFromMs = (Math.floor((T + 9000) / 1000) + 1) * 1000;
    restored.issue(T + 9000);
    expect(restored.seen(validFromMs).map(({ revokedAtMs }) => revokedAtMs)).toEqual([null, validFromMs]);
  });

  test('are those of three days of hourly sweeps, in a row that stays as small however long they go on', () => {
    const { tokens, seen, issue, ack, use } = store();
    for (let hour = 1; hour <= 1000; hour += 1) {
      const at = T + hour * HOUR_MS;
      const gen = issue(at, 12);
      ack(gen, at + 60);
      use(gen, at + 30_000);
    }
    expect(tokens.facts(ADA)).toHaveLength(MAX_FACTS_UNITS);
    expect(seen().length).toBeGreaterThanOrEqual(70);
    expect(seen().map(({ gen }) => gen)).toEqual(Array.from(seen(), (_, at) => 1000 - at));
    expect(seen().every((one) => one.firstUsedAtMs === one.issuedAtMs + 30_000)).toBe(true);
  });

  test('hold no more of an error than its beginning', () => {
    const { tokens, issue } = store();
    issue(T);
    tokens.failed(ADA, 1, { outcome: 'transport', error: 'x'.repeat(10_000) }, { atMs: null, tries: 1 }, T);
    expect(tokens.facts(ADA).length).toBeLessThan(120);
  });
});
