/** What a town keeps of its readers in memory, and what outlives it. */
import { evictDurableObject } from 'cloudflare:test';
import { afterEach, expect, it, vi } from 'vitest';
import { RawReader, happen, readersOf } from '../support/raw-reader.ts';
import { TestTown } from '../support/town.ts';

afterEach(() => vi.restoreAllMocks());

/** Everything is confirmed, and the town has recorded it. */
async function confirm(town: TestTown, readers: readonly RawReader[]): Promise<void> {
  for (const reader of readers) reader.ack(reader.seqs.at(-1) ?? 0);
  await expect.poll(async () => (await readersOf(town)).every(({ sent, acked }) => sent === acked)).toBe(true);
}

it('reads what is kept with a socket once after a wake, whatever happens then, and never before', async () => {
  const town = await TestTown.create();
  const reads = vi.spyOn(WebSocket.prototype, 'deserializeAttachment');
  const readers = [await RawReader.open(town), await RawReader.open(town), await RawReader.open(town)];
  await happen(town, 10, 1);
  await town.alarmAt();
  expect(reads).toHaveBeenCalledTimes(0);
  await evictDurableObject(town.stub);
  await happen(town, 10, 1);
  for (const reader of readers) await reader.until(({ seqs }) => seqs.length === 20);
  await confirm(town, readers);
  await RawReader.open(town);
  await town.agent('ada');
  expect(reads).toHaveBeenCalledTimes(readers.length);
});

it('goes on exactly with each reader after it left memory: its place, what it owes, and when it was heard', async () => {
  const town = await TestTown.create();
  const [slow, prompt] = [await RawReader.open(town), await RawReader.open(town)];
  await happen(town, 7, 1);
  await prompt.until(({ seqs }) => seqs.length === 7);
  prompt.ack(prompt.seqs.at(-1) ?? 0);
  await expect.poll(async () => (await readersOf(town)).filter(({ marks }) => marks.length === 0)).toHaveLength(1);
  await happen(town, 3, 1);
  const before = await readersOf(town);
  expect(new Set(before.map(({ marks }) => marks.length))).toEqual(new Set([10, 3]));
  await evictDurableObject(town.stub);
  expect(await readersOf(town)).toEqual(before);
  await happen(town, 1);
  for (const reader of [slow, prompt]) await reader.until(({ seqs }) => seqs.length >= 11);
  expect(slow.seqs).toEqual(Array.from({ length: 11 }, (_, at) => (slow.seqs[0] ?? 0) + at));
  expect(prompt.seqs).toEqual(slow.seqs);
  await confirm(town, [slow, prompt]);
  for (const { bytes, bytesAcked, marks } of await readersOf(town))
    expect([bytes - bytesAcked, marks]).toEqual([0, []]);
});
