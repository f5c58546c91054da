import { describe, expect, it } from 'vitest';
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

describe('A-27: the town answers with its time', () => {
  const STARTED_S = 1_800_000_000;

  async function clocks(): Promise<{ clock: ManualClock; town: TownClock; startedMs: number }> {
    const clock = new ManualClock();
    const town = new TownClock(clock, STARTED_S);
    await clock.advance(60_000);
    return { clock, town, startedMs: STARTED_S * 1000 + 60_000 };
  }

  for (const stepMs of [-600_000, 600_000]) {
    it(`a step of ${stepMs / 1000} s is followed, and the count goes on from there`, async () => {
      const { clock, town, startedMs } = await clocks();
      town.rebase(startedMs + stepMs, clock.monoMs());
      expect(Math.abs(town.nowMs() - (startedMs + stepMs))).toBeLessThanOrEqual(1_000);
      const thenMs = town.nowMs();
      await clock.advance(5_000);
      expect(town.nowMs()).toBe(thenMs + 5_000);
      // Judged from there too: the time that went by before does not count as a suspension.
      expect(town.judgeMs(thenMs / 1000 + 600)).toBe(thenMs + 5_000);
    });
  }

  it('a clock that agrees stays as it is: the answer is as old as its way was long, and counts whole seconds', async () => {
    const { clock, town, startedMs } = await clocks();
    const askedAtMs = clock.monoMs();
    await clock.advance(9_000);
    for (const answeredAtTownMs of [startedMs - 1_000, startedMs, startedMs + 9_000]) {
      town.rebase(answeredAtTownMs, askedAtMs);
      expect(town.nowMs()).toBe(startedMs + 9_000);
    }
    town.rebase(startedMs - 1_001, askedAtMs);
    expect(town.nowMs()).toBe(startedMs + 8_999);
  });

  it('a suspension after a step is caught up with as before', async () => {
    const { clock, town, startedMs } = await clocks();
    town.rebase(startedMs - 600_000, clock.monoMs());
    const thenMs = town.nowMs();
    clock.wallErrorMs += 3_600_000;
    town.catchUp(thenMs / 1000 + 3_600);
    expect(town.nowMs()).toBe(thenMs + 3_600_000);
  });
});
