import { describe, expect, test } from 'vitest';
import { DELEGATION_STATES, MAX_DELEGATION_DEPTH, messageIdSchema } from '#protocol';
import { ANNOUNCEMENT_COOLDOWN_MS, announceAt, depthUnder, isOver, taskMessage } from '../../src/ledger/delegation.ts';
import type { Delegation } from '../../src/ledger/delegation.ts';
import { agentId, delegationId } from '../support/ids.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const OPEN: Delegation = {
  seq: 1,
  id: delegationId(1),
  from: agentId(1),
  to: agentId(2),
  parent: null,
  depth: 1,
  state: 'open',
  task: 'a task',
  createdAtMs: NOW_MS,
  deadlineAtMs: NOW_MS + 1000,
  finishedAtMs: null,
  result: null,
  error: null,
  announceAtMs: null,
  announcedAtMs: null,
  warned: false,
};

describe('the depth of a delegation', () => {
  test('is 1 at the root, and one more than its parent below', () => {
    expect(depthUnder(null, agentId(2))).toBe(1);
    expect(depthUnder(OPEN, agentId(2))).toBe(2);
  });

  test('is at most five, and not one more', () => {
    expect(depthUnder({ ...OPEN, depth: MAX_DELEGATION_DEPTH - 1 }, agentId(2))).toBe(MAX_DELEGATION_DEPTH);
    expect(depthUnder({ ...OPEN, depth: MAX_DELEGATION_DEPTH }, agentId(2))).toBe('too_deep');
  });

  test('is not taken from a delegation to another agent, or from one that is over', () => {
    expect(depthUnder(OPEN, agentId(1))).toBe('parent_not_open');
    for (const state of DELEGATION_STATES.filter(isOver)) {
      expect(depthUnder({ ...OPEN, state }, agentId(2)), state).toBe('parent_not_open');
    }
  });
});

describe('an announcement', () => {
  test('M-32: comes at once, or when a minute has passed since the last one to the same agent', () => {
    expect(announceAt(null, NOW_MS)).toBe(NOW_MS);
    expect(announceAt(NOW_MS - ANNOUNCEMENT_COOLDOWN_MS, NOW_MS)).toBe(NOW_MS);
    expect(announceAt(NOW_MS - ANNOUNCEMENT_COOLDOWN_MS + 1, NOW_MS)).toBe(NOW_MS + 1);
    expect(announceAt(NOW_MS, NOW_MS)).toBe(NOW_MS + 60_000);
  });
});

test('every delegation has one message that hands it over', () => {
  expect(messageIdSchema.parse(taskMessage(delegationId(7)))).toBe(taskMessage(delegationId(7)));
  expect(taskMessage(delegationId(7))).not.toBe(taskMessage(delegationId(8)));
});
