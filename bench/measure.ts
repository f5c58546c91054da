/** Times of several ways to do one job, taken in one run: interleaved, so that a busy moment of the machine meets all of them. */

/** One way to do the job. */
export interface Side {
  readonly name: string;
  /** Not timed. */
  readonly before?: () => Promise<unknown>;
  readonly run: () => Promise<unknown>;
  /** Not timed; rejects where the job was not done. */
  readonly after?: () => Promise<unknown>;
}

/** Milliseconds of each round. */
export interface Timed {
  readonly name: string;
  readonly ms: readonly number[];
}

/** Each side once to warm up, and then `rounds` times, by turns, the order turned round each time. */
export function interleaved(sides: readonly Side[], rounds: number): Promise<Timed[]> {
  return byTurns(
    sides.map((side) => ({ name: side.name, measure: () => timed(side) })),
    rounds,
  );
}

/** The same for what knows its own milliseconds: those that a round of it resolves to. */
export async function byTurns(
  sides: readonly { readonly name: string; readonly measure: () => Promise<number> }[],
  rounds: number,
): Promise<Timed[]> {
  const times = sides.map((side) => ({ ...side, ms: new Array<number>() }));
  for (let round = -1; round < rounds; round += 1) {
    const order = round % 2 === 0 ? times : times.toReversed();
    for (const { measure, ms } of order) {
      const took = await measure();
      if (round >= 0) ms.push(took);
    }
  }
  return times.map(({ name, ms }) => ({ name, ms }));
}

async function timed(side: Side): Promise<number> {
  await side.before?.();
  const from = performance.now();
  await side.run();
  const took = performance.now() - from;
  await side.after?.();
  return took;
}

/** The middle one; of an even number the mean of the two in the middle. Throws where there is none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) throw new Error('no values');
  return (low + high) / 2;
}

/** How often `of` would fit into `by`: 2 means that `of` takes half the time. Of medians. */
export function ratio(times: readonly Timed[], of: string, by: string): number {
  return median(timesOf(times, by)) / median(timesOf(times, of));
}

function timesOf(times: readonly Timed[], name: string): readonly number[] {
  const found = times.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no side ${name}`);
  return found.ms;
}
