import { expect, it } from 'vitest';
import { StartQueue } from '../../../../container/agents/process/start-queue.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const SECONDS = 1_000;
const never = (): Promise<void> => new Promise(() => {});

function queueOfTwo() {
  const clock = new ManualClock();
  const begun: string[] = [];
  const queue = new StartQueue(clock, 60 * SECONDS, 2);
  const start = (name: string, work = never, life = new AbortController()) => {
    const done = queue.run(life.signal, () => {
      begun.push(name);
      return work();
    });
    return {
      end: done.then(
        () => 'done',
        (thrown: Error) => thrown.message,
      ),
      stop: () => life.abort(),
    };
  };
  return { clock, begun, start };
}

it('lets so many through at a time, in their order, and each has its own deadline from its turn on', async () => {
  const { clock, begun, start } = queueOfTwo();
  const [one, two, three] = [start('one'), start('two'), start('three')];
  await clock.advance(59 * SECONDS);
  expect(begun).toEqual(['one', 'two']);
  await clock.advance(1 * SECONDS);
  expect(await one.end).toBe('it did not take prompts within 60 s');
  expect(await two.end).toBe('it did not take prompts within 60 s');
  expect(begun).toEqual(['one', 'two', 'three']);
  await clock.advance(59 * SECONDS);
  expect(await Promise.race([three.end, Promise.resolve('waits')])).toBe('waits');
  await clock.advance(1 * SECONDS);
  expect(await three.end).toContain('60 s');
  expect(clock.pending).toBe(0);
});

it('one that is stopped makes room at once, and one that is stopped before its turn never begins', async () => {
  const { clock, begun, start } = queueOfTwo();
  const [one, , three, four] = [start('one'), start('two'), start('three'), start('four')];
  three.stop();
  await clock.advance(0);
  one.stop();
  expect(await one.end).toContain('stopped');
  expect(await three.end).not.toBe('done');
  await clock.advance(0);
  expect(begun).toEqual(['one', 'two', 'four']);
  four.stop();
  expect(await four.end).toContain('stopped');
});
