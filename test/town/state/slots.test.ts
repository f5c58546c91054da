import { describe, expect, test } from 'vitest';
import { Slots, type SlotPool } from '../../../src/town/state/slots.ts';
import { randomFrom } from '../../support/random.ts';
import { makeGate, settle, type Gate } from '../../support/steps.ts';

/** Slots with work that holds its slot until the test opens its gate. */
function scene() {
  const slots = new Slots();
  const begun: string[] = [];
  const gates = new Map<string, Gate>();
  const ask = (name: string, pool: SlotPool, container: number): Promise<void> =>
    slots.run(pool, container, async () => {
      begun.push(name);
      const gate = makeGate();
      gates.set(name, gate);
      await gate.passed;
    });
  return { slots, begun, ask, end: (name: string) => gates.get(name)?.open() };
}

describe('slots', () => {
  test('let four sweeps and two deliveries of different containers run, and not one more', async () => {
    const { ask, begun, end } = scene();
    const all = [0, 1, 2, 3, 4].map((container) => ask(`sweep ${container}`, 'sweep', container));
    all.push(...[0, 1, 2].map((container) => ask(`delivery ${container}`, 'delivery', container)));
    await settle();
    expect(begun).toEqual(['sweep 0', 'sweep 1', 'sweep 2', 'sweep 3', 'delivery 0', 'delivery 1']);
    end('sweep 2');
    end('delivery 0');
    await settle();
    expect(begun.slice(6)).toEqual(['sweep 4', 'delivery 2']);
    for (const name of begun) end(name);
    await Promise.all(all);
  });

  test('let one of each kind run per container, and a container that hangs leaves the slots to the others (T7)', async () => {
    const { ask, begun, end } = scene();
    const hanging = [ask('hangs', 'sweep', 0), ask('waits', 'sweep', 0), ask('waits too', 'sweep', 0)];
    const others = [1, 2, 3].map((container) => ask(`sweep ${container}`, 'sweep', container));
    const delivery = ask('delivery', 'delivery', 0);
    await settle();
    expect(begun).toEqual(['hangs', 'sweep 1', 'sweep 2', 'sweep 3', 'delivery']);
    for (const name of ['sweep 1', 'sweep 2', 'sweep 3', 'delivery']) end(name);
    await Promise.all([...others, delivery]);
    expect(begun).not.toContain('waits');
    for (const name of ['hangs', 'waits', 'waits too']) {
      end(name);
      await settle();
    }
    await Promise.all(hanging);
    expect(begun.slice(5)).toEqual(['waits', 'waits too']);
  });

  test('are handed out in the order of asking', async () => {
    const { ask, begun, end } = scene();
    const all = Array.from({ length: 12 }, (_, at) => ask(`${at}`, 'delivery', at));
    for (let at = 0; at < 12; at += 1) {
      await settle();
      end(`${at}`);
    }
    await Promise.all(all);
    expect(begun).toEqual(Array.from({ length: 12 }, (_, at) => `${at}`));
  });

  test('go round: a container with fifty at its door has no second turn before another has had its first (T7)', async () => {
    const { ask, begun, end } = scene();
    const all = Array.from({ length: 50 }, (_, at) => ask(`0-${at}`, 'delivery', 0));
    all.push(ask('1-0', 'delivery', 1), ask('1-1', 'delivery', 1));
    await settle();
    // Those that come late wait for one turn of the others, not for their fifty.
    all.push(ask('2-0', 'delivery', 2), ask('3-0', 'delivery', 3), ask('2-1', 'delivery', 2));
    for (const name of ['0-0', '1-0', '2-0', '3-0', '0-1', '1-1', '2-1']) {
      await settle();
      expect(begun).toContain(name);
      end(name);
    }
    await settle();
    expect(begun.slice(0, 7)).toEqual(['0-0', '1-0', '2-0', '3-0', '0-1', '1-1', '2-1']);
    for (let at = 2; at < 50; at += 1) {
      end(`0-${at}`);
      await settle();
    }
    await Promise.all(all);
  });

  test('come back where the work fails, and what it throws reaches who asked', async () => {
    const slots = new Slots();
    for (let nth = 0; nth < 10; nth += 1) {
      await expect(slots.run('delivery', 0, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    }
    expect(await slots.run('delivery', 0, async () => 'answer')).toBe('answer');
  });

  test('are never more than those of their kind, whatever comes in whatever order', async () => {
    const slots = new Slots();
    const random = randomFrom(11);
    const under: Record<SlotPool, number> = { sweep: 0, delivery: 0, webhook: 0 };
    const most: Record<SlotPool, number> = { sweep: 0, delivery: 0, webhook: 0 };
    const work = (pool: SlotPool) => async (): Promise<void> => {
      under[pool] += 1;
      most[pool] = Math.max(most[pool], under[pool]);
      for (let turn = 0; turn < random() * 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      under[pool] -= 1;
      if (random() < 0.2) throw new Error('failed');
    };
    const all = Array.from({ length: 500 }, () => {
      const pool = (['sweep', 'delivery', 'webhook'] as const)[Math.floor(random() * 3)] ?? 'sweep';
      return slots.run(pool, Math.floor(random() * 12), work(pool)).catch(() => undefined);
    });
    await Promise.all(all);
    expect(under).toEqual({ sweep: 0, delivery: 0, webhook: 0 });
    expect(most).toEqual({ sweep: 4, delivery: 2, webhook: 4 });
  });
});
