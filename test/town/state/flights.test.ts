import { describe, expect, test } from 'vitest';
import { Flights } from '../../../src/town/state/flights.ts';
import { makeGate, settle, type Gate } from '../../support/steps.ts';

/** Work that ends when the test lets it, pass by pass. */
function steppedWork() {
  const gates: Gate[] = [];
  const work = (): Promise<void> => {
    const gate = makeGate();
    gates.push(gate);
    return gate.passed;
  };
  return { work, gates, passes: () => gates.length };
}

describe('flights', () => {
  test('of one key never overlap', async () => {
    const flights = new Flights();
    const { work, gates, passes } = steppedWork();
    const first = flights.run('a', work);
    const second = flights.run('a', work);
    await settle();
    expect(passes()).toBe(1);
    gates[0]?.open();
    await settle();
    expect(passes()).toBe(2);
    gates[1]?.open();
    await Promise.all([first, second]);
  });

  test('run once more for callers that came while they ran, and only once for any number of them', async () => {
    const flights = new Flights();
    const { work, gates, passes } = steppedWork();
    const all = [flights.run('a', work), ...Array.from({ length: 9 }, () => flights.run('a', work))];
    gates[0]?.open();
    await settle();
    expect(passes()).toBe(2);
    gates[1]?.open();
    await Promise.all(all);
    expect(passes()).toBe(2);
  });

  test('show a joiner what was stored while the first pass ran', async () => {
    const flights = new Flights();
    const gate = makeGate();
    const seen: string[][] = [];
    const stored = ['one'];
    const work = async (): Promise<void> => {
      seen.push([...stored]);
      await gate.passed;
    };
    const first = flights.run('a', work);
    stored.push('two');
    const joined = flights.run('a', work);
    gate.open();
    await Promise.all([first, joined]);
    expect(seen).toEqual([['one'], ['one', 'two']]);
  });

  test('of different keys run side by side', async () => {
    const flights = new Flights();
    const { work, gates, passes } = steppedWork();
    const both = [flights.run('a', work), flights.run('b', work)];
    await settle();
    expect(passes()).toBe(2);
    for (const gate of gates) gate.open();
    await Promise.all(both);
  });

  test('begin anew after the last one ended', async () => {
    const flights = new Flights();
    let passes = 0;
    const work = async (): Promise<void> => void (passes += 1);
    await flights.run('a', work);
    await flights.run('a', work);
    expect(passes).toBe(2);
  });

  test('W-09: free their key also where the work breaks, and every caller in them gets the error', async () => {
    const flights = new Flights();
    const gate = makeGate();
    const first = flights.run('a', () => gate.passed);
    const joined = flights.run('a', () => gate.passed);
    gate.fail(new Error('broken invariant'));
    await expect(first).rejects.toThrow('broken invariant');
    await expect(joined).rejects.toThrow('broken invariant');
    let ran = false;
    await flights.run('a', async () => void (ran = true));
    expect(ran).toBe(true);
  });
});
