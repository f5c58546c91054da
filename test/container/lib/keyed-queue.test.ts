import { expect, it } from 'vitest';
import { KeyedQueue } from '../../../container/lib/keyed-queue.ts';
import { settle } from '../support/manual-clock.ts';

it('runs the work of one key in order, also past a failure; keys do not wait for each other', async () => {
  const lanes = new KeyedQueue<string>();
  const order: string[] = [];
  const first = Promise.withResolvers<string>();
  const failing = lanes.run('a', () => first.promise);
  const second = lanes.run('a', async () => void order.push('a2'));
  await lanes.run('b', async () => void order.push('b1'));
  await settle();
  expect(order).toEqual(['b1']);
  first.reject(new Error('broken'));
  await expect(failing).rejects.toThrow('broken');
  await second;
  expect(order).toEqual(['b1', 'a2']);
});

it('K-03: keeps nothing of a key whose work is over, also after a failure', async () => {
  const lanes = new KeyedQueue<string>();
  const first = Promise.withResolvers<string>();
  const running = [
    lanes.run('a', () => first.promise),
    lanes.run('a', () => Promise.reject(new Error('broken'))),
    lanes.run('b', async () => {}),
  ];
  await settle();
  expect(lanes.size).toBe(1);
  first.resolve('done');
  await Promise.allSettled(running);
  await settle();
  expect(lanes.size).toBe(0);
});

it('work that comes while the last of its key runs waits for it, though earlier work of the key is over', async () => {
  const lanes = new KeyedQueue<string>();
  const second = Promise.withResolvers<void>();
  const running = [lanes.run('a', async () => {}), lanes.run('a', () => second.promise)];
  await settle();
  const order: string[] = [];
  const third = lanes.run('a', async () => void order.push('third'));
  await settle();
  expect(order).toEqual([]);
  second.resolve();
  await Promise.all([...running, third]);
  expect(order).toEqual(['third']);
});
