import { clip } from '#protocol';
import { TimeUp, within } from '#lib/clock.ts';
import { messageOf } from '#lib/result.ts';
import type { ContainerLink, LinkAnswer, Unreachable } from './container-link.ts';

/** Longest time (ms) for one call at the default push timeout: a handshake of two requests, the request itself, and a margin. */
const CALL_TIMEOUT_MS = 16_000;

/** Bounds one call in time: passes its answer on, or rejects with `TimeUp`. */
export type Bound = <T>(call: Promise<T>) => Promise<T>;

/** The stub of an AgentContainer as what is behind it. */
export function linkTo(stub: Fetcher): ContainerLink {
  // The type of a stub knows no generic methods; the class implements this very interface.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return stub as unknown as ContainerLink;
}

/**
 * The link to one container as a caller may use it: a Durable Object call that throws (reset, overloaded, an exception over
 * there), or that is not answered within its bound, becomes an answer. `stub` is asked anew for each call, because a stub is
 * broken after an exception.
 */
export function neverRejects(
  stub: () => ContainerLink,
  bound: Bound = (call) => within(CALL_TIMEOUT_MS, call),
): ContainerLink {
  const safe = async <T>(call: () => Promise<LinkAnswer<T>>): Promise<LinkAnswer<T>> => {
    try {
      return await bound(call());
    } catch (thrown) {
      return platformFailure(thrown);
    }
  };
  return {
    open: (wake) => safe(() => stub().open(wake)),
    check: () => safe(() => stub().check()),
    renew: () => safe(() => stub().renew()),
    destroy: () => safe(() => stub().destroy()),
    authenticate: async (session, secretDigest) => {
      try {
        return await bound(stub().authenticate(session, secretDigest));
      } catch {
        return false; // The control server is answered 401 and asks again; nothing is given away on a doubt.
      }
    },
    call: (name, session, order) => safe(() => stub().call(name, session, order)),
  };
}

/**
 * An overloaded object says so; adding calls would make it worse, so it counts as busy and the town backs off from it. So does
 * one that never answers: it would keep its slot, and with it every agent in that container, for as long as the town lives
 * (T7).
 */
function platformFailure(thrown: unknown): Unreachable {
  const overloaded =
    typeof thrown === 'object' && thrown !== null && 'overloaded' in thrown && thrown.overloaded === true;
  return {
    kind: 'unreachable',
    reason: overloaded ? 'busy' : thrown instanceof TimeUp ? 'timeout' : 'transport',
    retryAfterMs: 0,
    detail: `container object: ${clip(messageOf(thrown).toWellFormed(), 200)}`,
  };
}
