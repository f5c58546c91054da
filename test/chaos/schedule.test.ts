import { expect, test } from 'vitest';
import { KEY_EDITS, LIES, ORDERS, scheduleFrom, type Act, type Deed, type Fault } from './schedule.ts';

const faults = (acts: readonly Act[]): Fault[] => acts.flatMap((act) => ('fault' in act ? [act.fault] : []));
const deeds = (acts: readonly Act[]): Deed[] => acts.flatMap((act) => ('deed' in act ? [act.deed] : []));

test('the same seed is the same schedule, and another seed another one', () => {
  expect(scheduleFrom(7, 3, 2)).toEqual(scheduleFrom(7, 3, 2));
  expect(scheduleFrom(8, 3, 2).acts).not.toEqual(scheduleFrom(7, 3, 2).acts);
});

test('acts are in order, and none comes after the end', () => {
  const { acts, endsAtMs } = scheduleFrom(7, 3, 2);
  expect(endsAtMs).toBe(180_000);
  expect(acts).toEqual(acts.toSorted((one, other) => one.atMs - other.atMs));
  expect(acts.every(({ atMs }) => atMs >= 0 && atMs <= endsAtMs)).toBe(true);
});

test('an hour has every kind of fault and of deed', () => {
  const { acts } = scheduleFrom(7, 60, 2);
  const broken = faults(acts);
  const kinds = new Set(broken.map(({ kind }) => kind));
  expect([...kinds].toSorted()).toEqual([
    'edit_keys',
    'end_container',
    'freeze_container',
    'freeze_worker',
    'kill_container',
    'kill_worker',
    'lie',
    'step_clock',
  ]);
  expect(new Set(broken.flatMap((fault) => (fault.kind === 'lie' ? [fault.lie] : [])))).toEqual(new Set(LIES));
  expect(new Set(broken.flatMap((fault) => (fault.kind === 'lie' ? [fault.way] : [])))).toEqual(
    new Set(['to_town', 'to_container']),
  );
  expect(new Set(broken.flatMap((fault) => (fault.kind === 'edit_keys' ? [fault.edit] : [])))).toEqual(
    new Set(KEY_EDITS),
  );
  expect(new Set(broken.flatMap((fault) => ('nth' in fault ? [fault.nth] : [])))).toEqual(new Set([0, 1]));
  expect(new Set(deeds(acts).map(({ kind }) => kind))).toEqual(
    new Set([...ORDERS, 'send', 'create_agent', 'create_town', 'delete_town']),
  );
});

test('between storms nothing is broken for half a minute', () => {
  const times = scheduleFrom(7, 60, 2).acts.flatMap((act) => ('fault' in act ? [act.atMs] : []));
  const pauses = times.map((atMs, nth) => atMs - (times[nth - 1] ?? 0)).filter((ms) => ms > 10_000);
  expect(pauses.length).toBeGreaterThan(40);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(30_000);
});
