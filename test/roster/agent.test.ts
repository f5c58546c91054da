import { describe, expect, test } from 'vitest';
import {
  canMove,
  isHeardWorthARow,
  isWithinRole,
  needsSweep,
  place,
  placeAgain,
  takesMessages,
  type Housing,
} from '../../src/roster/agent.ts';
import { AGENT_STATES, ROLES, SCOPES } from '#protocol';

const MINUTE = 60_000;

describe('signs of life', () => {
  const heard = (lastHeardAtMs: number | null, progressAtMs: number | null = null) => ({ lastHeardAtMs, progressAtMs });

  test.each([
    ['nothing was heard', heard(null), heard(null), false],
    ['the first', heard(null), heard(5), true],
    ['a minute later', heard(5), heard(5 + MINUTE), true],
    ['within a minute', heard(5), heard(4 + MINUTE), false],
    ['at the same time', heard(5), heard(5), false],
    ['of a clock that was set back', heard(5), heard(4), true],
    ['output a minute later', heard(5, 5), heard(6, 5 + MINUTE), true],
    ['output within a minute', heard(5, 5), heard(6, 4 + MINUTE), false],
    ['the first output, in the first minute of time', heard(5), heard(6, MINUTE - 1), false],
    ['the first output', heard(5), heard(6, MINUTE), true],
  ])('are written anew where the clock moved a minute on, or back: %s', (_, written, last, isWorthARow) => {
    expect(isHeardWorthARow(written, last)).toBe(isWorthARow);
  });
});

describe('the states of an agent', () => {
  test('retired is final (T9)', () => {
    expect(AGENT_STATES.filter((to) => canMove('retired', to))).toEqual(['retired']);
  });

  test('every living agent can be retired, stopped and started again', () => {
    for (const from of AGENT_STATES) {
      if (from === 'retired') continue;
      expect(canMove(from, 'retired'), from).toBe(true);
      expect(canMove(from, 'stopped'), from).toBe(true);
      expect(canMove(from, 'starting'), from).toBe(true);
    }
  });

  test('a repeat of the same state is a legal move, so that what is idempotent stays so', () => {
    for (const state of AGENT_STATES) expect(canMove(state, state), state).toBe(true);
  });

  test('an agent works only after it was idle, and stalls only while it works', () => {
    expect(AGENT_STATES.filter((from) => canMove(from, 'working'))).toEqual(['idle', 'working', 'stalled']);
    expect(AGENT_STATES.filter((from) => canMove(from, 'stalled'))).toEqual(['working', 'stalled']);
  });

  test('what is stopped or failed does not become idle without a start', () => {
    expect(canMove('stopped', 'idle')).toBe(false);
    expect(canMove('failed', 'idle')).toBe(false);
  });

  test('a sweep looks at working and stalled agents only', () => {
    expect(AGENT_STATES.filter(needsSweep)).toEqual(['working', 'stalled']);
  });

  test('messages are handed to agents that run, and wait elsewhere', () => {
    expect(AGENT_STATES.filter(takesMessages)).toEqual(['idle', 'working', 'stalled']);
  });
});

describe('roles', () => {
  test('a worker may not start and stop agents, nor exchange tokens; a mayor may do everything', () => {
    expect(ROLES.worker).toEqual(['heartbeat', 'events', 'mail', 'peers', 'delegate']);
    expect([...ROLES.mayor].toSorted()).toEqual([...SCOPES].toSorted());
  });

  test('scopes are within a role if each of them is; no scope at all is within any', () => {
    expect(isWithinRole('worker', ROLES.worker)).toBe(true);
    expect(isWithinRole('worker', [])).toBe(true);
    expect(isWithinRole('worker', ['heartbeat', 'exchange'])).toBe(false);
    expect(isWithinRole('mayor', SCOPES)).toBe(true);
  });
});

describe('placement', () => {
  const EMPTY: Housing = { population: new Map(), capacity: 8, lost: new Set(), addresses: Number.POSITIVE_INFINITY };
  const full = (...indexes: number[]) => new Map(indexes.map((index) => [index, 8]));

  test('takes the first container with room, up to its capacity and not one over', () => {
    expect(place(EMPTY)).toBe(0);
    expect(place({ ...EMPTY, population: new Map([[0, 7]]) })).toBe(0);
    expect(place({ ...EMPTY, population: new Map([[0, 8]]) })).toBe(1);
  });

  test('fills a gap before it opens another container', () => {
    expect(place({ ...EMPTY, population: full(0, 2).set(1, 3) })).toBe(1);
    expect(place({ ...EMPTY, population: full(0, 1, 2) })).toBe(3);
  });

  test('passes over a container that holds more than the capacity, which was lowered', () => {
    expect(place({ ...EMPTY, population: full(0), capacity: 4 })).toBe(1);
  });

  test('passes over a lost container, and over every other at the same address', () => {
    const housing = { ...EMPTY, lost: new Set([0]) };
    expect(place(housing)).toBe(1);
    expect(place({ ...housing, addresses: 2, population: full(1) })).toBe(3);
  });

  test('where every address is lost, places as if none were: one of them has to be asked', () => {
    expect(place({ ...EMPTY, lost: new Set([0]), addresses: 1 })).toBe(0);
    expect(place({ ...EMPTY, lost: new Set([0, 1]), addresses: 2, population: full(0) })).toBe(1);
  });

  test('an agent of a lost container starts elsewhere; of any other, where it was', () => {
    const housing = { ...EMPTY, lost: new Set([1]) };
    expect(placeAgain(1, housing)).toBe(0);
    expect(placeAgain(2, { ...housing, population: full(2) })).toBe(2);
  });

  test('an agent of a lost container stays where no other address is left', () => {
    expect(placeAgain(3, { ...EMPTY, lost: new Set([0]), addresses: 1 })).toBe(3);
  });
});
