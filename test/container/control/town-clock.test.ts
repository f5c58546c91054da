import { expect, it } from 'vitest';
import { TownClock } from '../../../container/control/town-clock.ts';
import { ManualClock } from '../support/manual-clock.ts';

it('A-27: goes by the town’s time and the monotonic clock, never by this machine’s time of day', async () => {
  const clock = new ManualClock();
  clock.wallErrorMs = -600_000;
  const town = new TownClock(clock, 1_800_000_000);
  expect(town.nowMs()).toBe(1_800_000_000_000);
  clock.wallErrorMs = 86_400_000;
  await clock.advance(90_000);
  expect(town.nowMs()).toBe(1_800_000_090_000);
});
