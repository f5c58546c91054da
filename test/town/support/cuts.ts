/** What stands before every effect of a town, its containers and the network between them, and cuts it as the weather orders. */
import type { TownId } from '../../../src/protocol/index.ts';
import { TimeUp } from '../../../src/lib/clock.ts';
import type { Bound } from '../../../src/link/never-rejects.ts';
import { isWrite } from './effects.ts';
import { nextTurn, type LabContainer } from './lab.ts';
import { EFFECTS, never, weather, type Strike } from './weather.ts';

/** The runtime prints whatever an object dies of or throws, but for texts that hold this; here it is ordered. */
const UNPRINTED = 'broken.outputGateBroken; jsg.Error: Instance dispose';

/** What an instance throws where it breaks: no business failure. */
class Broken extends Error {
  override readonly name = 'Broken';

  constructor(when: string) {
    super(`${when} (${UNPRINTED})`);
  }
}

/** Why an object is gone. */
export const DEATH = 'Instance dispose: ordered by the test';

/** Where one object's effects are cut: its town, its layer, and how it dies. */
interface Cuttable {
  readonly town: string;
  readonly layer: 'town' | 'call' | 'object';
  /** One run of one object. */
  readonly instance: string;
  readonly abort: (reason: string) => void;
  /** Resolves when what was written so far will outlive the object. */
  readonly stored: () => Promise<void>;
}

/** The ports of an object, cut as the weather orders. */
export function exposed<P extends object>(ports: P, ctx: DurableObjectState, layer: 'town' | 'object'): P {
  const [town = ''] = (ctx.id.name ?? '').split(':');
  const abort = (reason: string): void => ctx.abort(reason);
  return cut(ports, '', { town, layer, instance: `${layer} ${ctx.id.name}`, abort, stored: () => ctx.storage.sync() });
}

/** The stub of an AgentContainer as a town holds it: calls are lost or held on their way, no object dies. */
export function exposedStub<S extends object>(stub: S, container: string): S {
  const [town = ''] = container.split(':');
  return cut(stub, '', {
    town,
    layer: 'call',
    instance: `town ${town}`,
    abort: () => undefined,
    stored: async () => undefined,
  });
}

function cut<P extends object>(ports: P, path: string, place: Cuttable): P {
  return new Proxy(ports, {
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof key !== 'string') return value;
      const name = `${path}${key}`;
      if (typeof value === 'object' && value !== null) return cut(value, `${name}.`, place);
      if (typeof value !== 'function') return value;
      if (place.layer === 'town' && name === 'link') {
        return (container: number): object => cut(apply<object>(value, target, [container]), 'link.', place);
      }
      return (...given: unknown[]): unknown => {
        // A call of the control API goes by its own name.
        const effect = key === 'call' ? `${path}${String(given[0])}` : name;
        const faults = EFFECTS[place.layer][effect];
        const fault = Array.isArray(faults) ? weather.reach(place.town, place.layer, effect) : null;
        const call = (): unknown => apply(value, target, given);
        return isWrite(faults) ? strike(fault, call, place) : outgoing(fault, call, place);
      };
    },
  });
}

/** Stores hold their database in a private field, so a method is called on its own object, not on what stands before it. */
// The caller names what the method answers.
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters
function apply<T = unknown>(method: Function, self: object, given: unknown[]): T {
  return Reflect.apply(method, self, given) as T;
}

/** What is done at once; it is stored, with all else that is done until the next await, after that. */
function strike(fault: Strike['fault'] | null, call: () => unknown, place: Cuttable): unknown {
  if (fault === 'dies before') die(place);
  if (fault === 'breaks before') throw new Broken('broken before');
  const done = call();
  if (fault === 'dies after') waited(dieStored(place), place);
  if (fault === 'breaks after') throw new Broken('broken after');
  return done;
}

async function dieStored(place: Cuttable): Promise<void> {
  // From the next turn on: what is written in this one counts.
  await nextTurn();
  await place.stored();
  die(place);
}

/** What leaves the object: the platform lets nothing out before what was written is stored, so it dies with all of that there. */
function outgoing(fault: Strike['fault'] | null, call: () => unknown, place: Cuttable): unknown {
  if (fault === null) return waited(call(), place);
  if (fault === 'hangs' && place.layer === 'call') return weather.hang();
  return waited(cutOutgoing(fault, call, place), place);
}

async function cutOutgoing(fault: Strike['fault'], call: () => unknown, place: Cuttable): Promise<unknown> {
  await place.stored();
  if (fault === 'dies before') die(place);
  if (fault === 'breaks before') throw new Broken('broken before');
  if (fault === 'hangs') {
    weather.wait(place.instance, -1);
    return never();
  }
  await call();
  // In a turn of its own: an abort ends the turn that it is called in, and this one may belong to other work too.
  await nextTurn();
  if (fault === 'dies after') die(place);
  throw new Broken('broken after');
}

/** Counts what is under way. Values that are there at once pass. */
function waited(done: unknown, { instance }: Cuttable): unknown {
  if (!isThenable(done)) return done;
  weather.wait(instance, 1);
  return Promise.resolve(done).finally(() => weather.wait(instance, -1));
}

/** Results of RPC calls are promises of another kind. */
const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value;

/** The object is gone, with all that it was waiting for: nothing of it runs on. */
function die({ instance, abort }: Cuttable): never {
  weather.forget(instance);
  abort(DEATH);
  throw new Broken('unreachable: an aborted object runs no further');
}

/** The network in front of a container, and the way from its agents to the town, cut as the weather orders. */
export function expose(container: LabContainer, town: TownId): void {
  container.network = (request, send) => {
    const path = request.path.replace(/agt_[0-9a-z]+/, ':agent');
    return cross(weather.reach(town, 'push', `${request.method} ${path}`), send, container);
  };
  container.outgoing = (path, send) => {
    const route = path.replace(/town_[0-9a-z]+:\d+/, ':container').replace(/agt_[0-9a-z]+/, ':agent');
    return cross(weather.reach(town, 'agent call', route), send, container);
  };
}

async function cross<T>(fault: Strike['fault'] | null, send: () => Promise<T>, container: LabContainer): Promise<T> {
  if (fault === null) return send();
  const when = fault.endsWith('after') ? 'after' : 'before';
  const answer = when === 'after' ? await send() : null;
  // Faults of the town's own effects never come to a wire.
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check
  switch (fault) {
    case 'server dies before':
    case 'server dies after':
      container.restart();
      weather.helloDue = true;
      throw new TypeError('the connection was reset');
    case 'lost before':
    case 'lost after':
      throw new TypeError('the connection was reset');
    case 'hangs before':
    case 'hangs after':
      throw new DOMException('no answer in time', 'TimeoutError');
    case 'town dies':
      await weather.untilPutDown();
      return answer ?? send();
    default:
      throw new Error(`${fault} is no fault of a wire`);
  }
}

/** The bound of a town's calls into its containers: what hangs is given up at once, because the lab turns no real clock. */
export const hurried: Bound = (call) => (weather.isHung(call) ? Promise.reject(new TimeUp('no answer in time')) : call);
