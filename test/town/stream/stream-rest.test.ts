/** Under load, what happens is gathered for the readers of a town. */
import { describe, expect, it } from 'vitest';
import { makeId } from '../../../src/protocol/index.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { RawReader } from '../support/raw-reader.ts';
import { TestTown } from '../support/town.ts';

const REST_MS = 40;

describe('after a frame, a town with a reader', () => {
  it('gathers what happens for a while that grows with its readers, and sends it then, all of it and in order', async () => {
    lab.restPerReaderMs = REST_MS;
    const town = await TestTown.create();
    const [one, other] = [await RawReader.open(town), await RawReader.open(town)];
    await happen(town, 1);
    await expect.poll(() => one.seqs.length).toBe(1);
    await happen(town, 3);
    // Whatever is on its way has arrived by then.
    await town.api('GET', '');
    expect([one, other].map(ownFrames)).toEqual([1, 1]);
    lab.clock.advance(2 * REST_MS - 1);
    await town.api('GET', '');
    expect(ownFrames(one)).toBe(1);
    lab.clock.advance(1);
    await expect.poll(() => [one, other].map(ownFrames)).toEqual([2, 2]);
    const [first = 0] = one.seqs;
    expect([one.seqs, other.seqs]).toEqual([0, 1].map(() => [first, first + 1, first + 2, first + 3]));
  });

  it('sends the next one at once where nothing happened in that while', async () => {
    lab.restPerReaderMs = REST_MS;
    const town = await TestTown.create();
    const reader = await RawReader.open(town);
    for (let count = 1; count <= 3; count += 1) {
      await happen(town, 1);
      await expect.poll(() => ownFrames(reader)).toBe(count);
      lab.clock.advance(REST_MS);
      await town.api('GET', '');
      // The timers of the lab are looked at every 5 ms.
      await inside(town, () => scheduler.wait(20));
    }
  });
});

/** Frames with something that is stored: the one that opens the stream has none. */
const ownFrames = ({ frames }: RawReader): number =>
  frames.filter(({ events }) => events.some(({ seq }) => seq !== undefined)).length;

/** So many steps, each with one event. */
async function happen(town: TestTown, count: number): Promise<void> {
  for (let nth = 0; nth < count; nth += 1) {
    await inside(town, (p) => {
      const agent = makeId('agt', crypto.getRandomValues(new Uint8Array(20)));
      p.transaction(() =>
        p.events.append('reeve.agent.created', agent, { name: 'ada', role: 'worker' }, p.clock.now()),
      );
    });
  }
}
