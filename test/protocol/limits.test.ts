import { expect, test } from 'vitest';
import {
  CONTROL_PROBLEMS,
  PROBLEMS,
  SWAP_OUTCOMES,
  SWAP_STATUS,
  TERMINAL_CODES,
  isTerminal,
  refreshWindowSeconds,
} from '#protocol';

test('W-04: an agent refreshes ahead when less than five minutes, or a sixth of a short life, is left', () => {
  expect(refreshWindowSeconds(10_800)).toBe(300);
  expect(refreshWindowSeconds(1800)).toBe(300);
  expect(refreshWindowSeconds(1799)).toBeLessThan(300);
  expect(refreshWindowSeconds(900)).toBe(150);
  expect(refreshWindowSeconds(12)).toBe(2);
});

test('exactly the terminal codes end a client, and each is a 401', () => {
  for (const code of Object.keys(PROBLEMS)) {
    expect(isTerminal(code), code).toBe(TERMINAL_CODES.some((terminal) => terminal === code));
  }
  for (const code of TERMINAL_CODES) expect(PROBLEMS[code].status, code).toBe(401);
});

test('every code has a status of its kind and a title', () => {
  for (const [code, { status, title }] of [...Object.entries(PROBLEMS), ...Object.entries(CONTROL_PROBLEMS)]) {
    expect(status, code).toBeGreaterThanOrEqual(400);
    expect(status, code).toBeLessThan(600);
    expect(title.length, code).toBeGreaterThan(0);
  }
});

test('only a swap that left the pushed token in place answers 200', () => {
  expect(SWAP_OUTCOMES.filter((outcome) => SWAP_STATUS[outcome] === 200)).toEqual(['applied', 'current']);
});
