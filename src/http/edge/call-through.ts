import { err, type Result } from '#lib/result.ts';
import type { Closed } from '../../town/town-gate.ts';
import { Refusal } from './problem.ts';

/**
 * One call of an object that a town hands out, in one round trip: it travels with the call that asks for the object. That is disposed of
 * as soon as it is there, so that it does not keep the town in memory: a call that was made on it goes on. Throws a `Refusal` where
 * the town answers no call at this moment.
 */
export async function callThrough<S, T, E>(
  handedOut: S & PromiseLike<Disposable>,
  call: (stub: S) => Promise<Result<T, E | Closed>>,
): Promise<Result<T, E>> {
  // Both are waited for: where the town cannot be reached, each of them rejects.
  const [answered] = await Promise.all([call(handedOut), handedOut.then((stub) => stub[Symbol.dispose]())]);
  if (answered.ok) return answered;
  const { error } = answered;
  if (error === 'closed') throw new Refusal('unavailable');
  return err(error);
}
