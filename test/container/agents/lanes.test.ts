import { expect, it } from 'vitest';
import { Lanes } from '../../../container/agents/lanes.ts';
import { settle } from '../support/manual-clock.ts';

it('runs the work of one key in order, also past a failure; keys do not wait for each other', async () => {
  const lanes = new Lanes<string>();
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
