/**
 * One call of an object that a town hands out, in one round trip: it travels with the call that asks for the object. That is disposed of
 * as soon as it is there, so that it does not keep the town in memory: a call that was made on it goes on.
 */
export async function callThrough<S, T>(
  handedOut: S & PromiseLike<Disposable>,
  call: (stub: S) => Promise<T>,
): Promise<T> {
  // Both are waited for: where the town cannot be reached, each of them rejects.
  const [answered] = await Promise.all([call(handedOut), handedOut.then((stub) => stub[Symbol.dispose]())]);
  return answered;
}
