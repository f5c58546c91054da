import type { Side } from './measure.ts';
import type { Stack } from './stack.ts';
import type { Population } from './town.ts';

/** A side after which every agent's container has confirmed exactly one generation more. */
export function refreshesOf(stack: Stack, { town, agents }: Population): (side: string, lanes: number) => Side {
  const acked = async (): Promise<number> => Number(await stack.bench({ side: 'acked', town }));
  return (side, lanes) => {
    let before = 0;
    return {
      name: side,
      before: async () => {
        await stack.bench({ side: 'age', town });
        before = await acked();
      },
      run: () => stack.bench({ side, town, n: agents.length, lanes }),
      after: async () => {
        const refreshed = (await acked()) - before;
        if (refreshed !== agents.length)
          throw new Error(`${side}: ${refreshed} of ${agents.length} agents were refreshed`);
      },
    };
  };
}
