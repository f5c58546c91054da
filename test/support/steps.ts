/** A promise that is settled from outside, for tests that decide which of two things happens first. */
export interface Gate<T = void> {
  readonly passed: Promise<T>;
  readonly open: (value: T) => void;
  readonly fail: (thrown: Error) => void;
}

export function makeGate<T = void>(): Gate<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { passed: promise, open: resolve, fail: reject };
}

/** Lets everything run that waits for nothing but a settled promise. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setTimeout(resolve, 0));
}
