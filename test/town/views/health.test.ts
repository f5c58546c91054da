import { describe, expect, test } from 'vitest';
import type { AgentState } from '#protocol';
import type { SweepRecord } from '../../../src/town/state/sweep-store.ts';
import { townHealth, type AgentHealth } from '../../../src/town/views/health.ts';
import { agentId } from '../../support/ids.ts';

const NOW_MS = Date.UTC(2030, 0, 1, 12);
const HOUR_MS = 3_600_000;

/** Newest first, an hour apart; each as `[ok, failed]`, and `skipped` where neither. */
const sweepsOf = (...counts: readonly (readonly [number, number, number?])[]): SweepRecord[] =>
  counts.map(([ok, failed, skipped = 0], at) => {
    const startedAtMs = NOW_MS - (at + 1) * HOUR_MS;
    return {
      due: ok + failed + skipped,
      ok,
      failed,
      skipped,
      results: [],
      startedAtMs,
      finishedAtMs: startedAtMs + 1000,
    };
  });

/** An agent that is well in every other way; `ackedAtMs` is of its last token. */
const agentIn = (state: AgentState, ackedAtMs: number): AgentHealth => ({
  agent: {
    id: agentId(1),
    name: 'ada',
    role: 'worker',
    scopes: [],
    state,
    inc: 1,
    container: 0,
    session: null,
    processId: 1,
    createdAtMs: 0,
    lastHeardAtMs: NOW_MS,
    reported: 0,
    startDueAtMs: null,
    startTries: 0,
    endDueAtMs: null,
    endTries: 0,
    watchedFromMs: 0,
    progressAtMs: null,
    livenessCheckAtMs: null,
    stalledWhy: null,
    stalledAtMs: null,
    restarts: 0,
    reviveAtMs: null,
  },
  credential: {
    agent: agentId(1),
    minted: 2,
    mintedAtMs: ackedAtMs,
    acked: 2,
    ackedAtMs,
    inUse: 2,
    minGen: 0,
    issuedAtMs: ackedAtMs,
    expiresAtMs: NOW_MS + HOUR_MS,
    kid: 'kid',
    laggingGen: null,
    laggingAtMs: null,
    reason: 'start',
    lastOutcome: 'applied',
    lastError: null,
    retryAtMs: null,
    retryTries: 0,
    revokedAtMs: null,
    cutAtGen: null,
    failingSinceMs: null,
  },
  withdrawal: null,
  queued: null,
  failure: null,
});

/** One at work, to which no sweep of these tests has come. */
const WAITING = agentIn('working', NOW_MS - 24 * HOUR_MS);

const CALM = {
  agents: [WAITING],
  unreadable: [],
  failures: [],
  questions: [],
  containers: [],
  webhooks: [],
  schemaAhead: { steps: [], sinceMs: 0 },
  activeKid: 'kid',
  validFromMs: 0,
  nowMs: NOW_MS,
};

const healthOf = (sweeps: readonly SweepRecord[], agents = CALM.agents) => townHealth({ ...CALM, sweeps, agents });

describe('A-07: the sweeps of a town', () => {
  test.each([
    ['none yet', []],
    ['one that failed, and none before', sweepsOf([0, 2])],
    ['one that failed after one that refreshed an agent, and failed for another', sweepsOf([0, 2], [1, 1])],
    ['one that refreshed an agent after one that failed', sweepsOf([1, 1], [0, 2])],
    ['one that failed after one that had nothing to push', sweepsOf([0, 2], [0, 0, 2])],
    ['one that had nothing to push after one that failed', sweepsOf([0, 0, 2], [0, 2])],
    ['two that failed, before the last two', sweepsOf([1, 0], [1, 0], [0, 2], [0, 2])],
  ])('A-07: are green with %s', (_, sweeps) => {
    expect(healthOf(sweeps)).toEqual({ status: 'green', reasons: [] });
  });

  test('A-07: are red with two in a row that refreshed no agent, since the first of them', () => {
    const { status, reasons } = healthOf(sweepsOf([0, 2], [0, 1], [1, 0]));
    const since = new Date(NOW_MS - 2 * HOUR_MS).toISOString();
    expect(status).toBe('red');
    expect(reasons).toMatchObject([{ code: 'sweeps_fail', status: 'red', agent: null, since }]);
    expect(reasons[0]?.detail).toContain('2 agents failed');
  });

  test('A-07: that had nothing to do say nothing, and do not come between two that failed', () => {
    expect(healthOf(sweepsOf([0, 0], [0, 1], [0, 0], [0, 1])).status).toBe('red');
  });

  test.each([
    ['has got a token since the last of them, by its retry or a pull', agentIn('working', NOW_MS - HOUR_MS)],
    ['is idle, and gets one with its next message', agentIn('idle', NOW_MS - 24 * HOUR_MS)],
  ])('A-07: that refreshed no agent are over where the agent %s', (_, agent) => {
    expect(healthOf(sweepsOf([0, 1], [0, 1]), [agent])).toEqual({ status: 'green', reasons: [] });
  });

  test('A-07: that refreshed no agent are not over for one agent because another has got a token', () => {
    const fresh = agentIn('working', NOW_MS - HOUR_MS);
    expect(healthOf(sweepsOf([0, 1], [0, 1]), [fresh, WAITING]).status).toBe('red');
  });
});
