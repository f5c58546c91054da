import { beforeEach, describe, expect, test } from 'vitest';
import type { CallRefusalReason } from '#protocol';
import { migrate } from '../../src/lib/migrate.ts';
import { RefusedCallStore } from '../../src/tokens/refused-call-store.ts';
import { TOWN_SCHEMA } from '../../src/town/state/schema.ts';
import { agentId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const ADA = agentId(1);
const T = 1_800_000_000_000;
let storage: ReturnType<typeof objectStorage>;
let refused: RefusedCallStore;
/** What an object that came up now would find. */
const stored = () => new RefusedCallStore(storage.sql).list(ADA);

beforeEach(() => {
  storage = objectStorage();
  migrate(storage, TOWN_SCHEMA);
  refused = new RefusedCallStore(storage.sql);
});

describe('refused calls', () => {
  test('are counted by reason and generation, the last first', () => {
    const calls: [CallRefusalReason, number][] = [
      ['agent_revoked', 3],
      ['agent_revoked', 3],
      ['generation_cut', 2],
      ['agent_revoked', 2],
    ];
    calls.forEach(([reason, gen], at) => refused.record(ADA, reason, gen, T + at));
    expect(refused.list(ADA)).toEqual([
      { reason: 'agent_revoked', gen: 2, atMs: T + 3, lastAtMs: T + 3, count: 1 },
      { reason: 'generation_cut', gen: 2, atMs: T + 2, lastAtMs: T + 2, count: 1 },
      { reason: 'agent_revoked', gen: 3, atMs: T, lastAtMs: T + 1, count: 2 },
    ]);
  });

  test('are written with the first, and at most once a minute for each reason, in whatever object', () => {
    refused.record(ADA, 'agent_revoked', 3, T);
    for (let at = 1; at < 60; at += 1) refused.record(ADA, 'agent_revoked', 3 + (at % 2), T + at * 1000);
    expect(stored()).toMatchObject([{ gen: 3, count: 1 }]);
    const next = new RefusedCallStore(storage.sql);
    next.record(ADA, 'agent_revoked', 3, T + 59_999);
    expect(stored()).toMatchObject([{ gen: 3, count: 1 }]);
    next.record(ADA, 'missing_scope', 4, T + 59_999);
    expect(stored()).toMatchObject([{ reason: 'missing_scope' }, { gen: 3, count: 2 }]);
    refused.record(ADA, 'agent_revoked', 3, T + 60_000);
    expect(stored()[0]).toMatchObject({ reason: 'agent_revoked', gen: 3, count: 31 });
  });

  test('are written again after the clock was set back', () => {
    refused.record(ADA, 'agent_revoked', 3, T);
    refused.record(ADA, 'agent_revoked', 3, T - 3_600_000);
    expect(stored()).toMatchObject([{ count: 2 }]);
  });

  test('are bounded: those that came longest ago are forgotten', () => {
    for (let gen = 1; gen <= 100; gen += 1) refused.record(ADA, 'generation_cut', gen, T + gen * 60_000);
    expect(refused.list(ADA).map(({ gen }) => gen)).toEqual(Array.from({ length: 40 }, (_, at) => 100 - at));
    expect(stored()).toEqual(refused.list(ADA));
  });
});
