import { describe, expect, test } from 'vitest';
import {
  AGENT_STATES,
  ROLES,
  SCOPES,
  canMove,
  isWithinRole,
  needsSweep,
  placeInFirstWithRoom,
  takesMessages,
} from '../../src/roster/agent.ts';

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

  test('a grant is within a role if every scope of it is; no scope at all is within any', () => {
    expect(isWithinRole('worker', ROLES.worker)).toBe(true);
    expect(isWithinRole('worker', [])).toBe(true);
    expect(isWithinRole('worker', ['heartbeat', 'exchange'])).toBe(false);
    expect(isWithinRole('mayor', SCOPES)).toBe(true);
  });
});

describe('placement', () => {
  test('takes the first container with room, up to its capacity and not one over', () => {
    expect(placeInFirstWithRoom(new Map(), 8)).toBe(0);
    expect(placeInFirstWithRoom(new Map([[0, 7]]), 8)).toBe(0);
    expect(placeInFirstWithRoom(new Map([[0, 8]]), 8)).toBe(1);
  });

  test('fills a gap before it opens another container', () => {
    const population = new Map([
      [0, 8],
      [1, 3],
      [2, 8],
    ]);
    expect(placeInFirstWithRoom(population, 8)).toBe(1);
    expect(placeInFirstWithRoom(population.set(1, 8), 8)).toBe(3);
  });

  test('passes over a container that holds more than the capacity, which was lowered', () => {
    expect(placeInFirstWithRoom(new Map([[0, 8]]), 4)).toBe(1);
  });
});
