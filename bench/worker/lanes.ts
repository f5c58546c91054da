/** Does `work` for 0 to n - 1, at most `lanes` at a time. */
export async function inLanes(n: number, lanes: number, work: (at: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < n) {
      const at = next;
      next += 1;
      await work(at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, n) }, lane));
}
