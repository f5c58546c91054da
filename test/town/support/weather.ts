/**
 * Bad weather on order: records which effects a stretch of work reaches, and cuts one of them. Shared by all objects of the
 * isolate and by the containers of the lab; only what belongs to the watched town is recorded and cut.
 */
import type { TownId } from '../../../src/protocol/index.ts';
import { TimeUp } from '../../../src/lib/clock.ts';
import type { Bound } from '../../../src/link/never-rejects.ts';
import { lab, type LabContainer } from './lab.ts';
import {
  CALL_EFFECTS,
  WRITE,
  OBJECT_EFFECTS,
  TOWN_EFFECTS,
  AGENT_CALL_FAULTS,
  PUSH_FAULTS,
  type Effects,
  type Fault,
  type WireFault,
} from './effects.ts';

/** Whose effect it is. */
export type Layer = 'town' | 'call' | 'object' | 'push' | 'agent call';

/** One effect as it was reached: `nth` of its name, from 1. */
interface Place {
  readonly layer: Layer;
  readonly effect: string;
  readonly nth: number;
}

/** `opens`: no other effect came before it since the last await. */
export interface Reached extends Place {
  readonly opens: boolean;
}

/** One cut. */
export interface Strike extends Place {
  readonly fault: Fault | WireFault;
}

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

const EFFECTS: Readonly<Record<'town' | 'call' | 'object', Effects>> = {
  town: TOWN_EFFECTS,
  call: CALL_EFFECTS,
  object: OBJECT_EFFECTS,
};

const never = (): Promise<never> => new Promise(() => undefined);

/**
 * Every fault that can be ordered at an effect. What comes before a write is what comes after the one that it follows, so it
 * is ordered only where none came before since the last await.
 */
export function faultsAt({ layer, effect, opens }: Reached): readonly (Fault | WireFault)[] {
  if (layer === 'push') return PUSH_FAULTS;
  if (layer === 'agent call') return AGENT_CALL_FAULTS;
  const faults = EFFECTS[layer][effect] ?? [];
  if (typeof faults === 'string') return [];
  return faults === WRITE && !opens ? faults.filter((fault) => fault.endsWith('after')) : faults;
}

class Weather {
  #town: TownId | null = null;
  #strike: Strike | null = null;
  #counts = new Map<string, number>();
  #trace: Reached[] = [];
  #awaited = true;
  /** Async effects under way, by the object that waits for them; those of a dead object are nobody's. */
  readonly #underWay = new Map<string, number>();
  readonly #hung = new WeakSet<Promise<unknown>>();
  #release: () => void = () => undefined;
  /** The ordered fault has happened. */
  struck = false;
  /** A control server died and another one came up, which has not said hello yet. */
  helloDue = false;

  /** A new world: nobody is waited for. */
  clear(): void {
    this.#underWay.clear();
    this.helloDue = false;
    this.end();
  }

  /** From here on the effects of this town are recorded, and one of them is cut. */
  begin(town: TownId, strike: Strike | null): void {
    this.#town = town;
    this.#strike = strike;
    this.#counts = new Map();
    this.#trace = [];
    this.struck = false;
    this.helloDue = false;
  }

  /** What was reached so far. */
  get trace(): readonly Reached[] {
    return this.#trace;
  }

  end(): void {
    this.#town = null;
    this.#strike = null;
  }

  /** Whether something is still on its way: in an object, in a container or between them. */
  get busy(): boolean {
    return lab.busy > 0 || [...this.#underWay.values()].some((count) => count > 0);
  }

  /** For a person who reads why it failed. */
  describe(): string {
    const waiting = [...this.#underWay].filter(([, count]) => count > 0).map(([instance]) => instance);
    return `${lab.busy} in the lab, ${waiting.join(', ')}`;
  }

  /** Counts an effect; answers the fault that is ordered here. */
  reach(town: string, layer: Layer, effect: string): Strike['fault'] | null {
    if (town !== this.#town) return null;
    const name = `${layer} ${effect}`;
    const nth = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, nth);
    this.#trace.push({ layer, effect, nth, opens: this.#awaited });
    this.#awaited = false;
    queueMicrotask(() => (this.#awaited = true));
    const strike = this.#strike;
    if (this.struck || strike?.layer !== layer || strike.effect !== effect || strike.nth !== nth) return null;
    this.struck = true;
    return strike.fault;
  }

  /** A call without an answer. */
  hang(): Promise<never> {
    const call = never();
    this.#hung.add(call);
    return call;
  }

  isHung(call: Promise<unknown>): boolean {
    return this.#hung.has(call);
  }

  /** Waits until the test has put the town down. */
  untilPutDown(): Promise<void> {
    return new Promise((resolve) => (this.#release = resolve));
  }

  /** The town is down; what waited for that goes on. */
  isDown(town: TownId): void {
    this.forget(`town ${town}`);
    this.#release();
  }

  wait(instance: string, change: 1 | -1): void {
    this.#underWay.set(instance, (this.#underWay.get(instance) ?? 0) + change);
  }

  forget(instance: string): void {
    this.#underWay.delete(instance);
  }
}

export const weather = new Weather();

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

/** The stub of an AgentContainer as a town holds it: calls are lost or held on their way, nobody dies. */
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
      const faults = EFFECTS[place.layer][name];
      return (...given: unknown[]): unknown => {
        const fault = Array.isArray(faults) ? weather.reach(place.town, place.layer, name) : null;
        const call = (): unknown => apply(value, target, given);
        return faults === WRITE ? strike(fault, call, place) : outgoing(fault, call, place);
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

/** What is done at once. */
function strike(fault: Strike['fault'] | null, call: () => unknown, place: Cuttable): unknown {
  if (fault === 'dies before') die(place);
  if (fault === 'breaks before') throw new Broken('broken before');
  const done = call();
  if (fault === 'dies after') die(place);
  if (fault === 'breaks after') throw new Broken('broken after');
  return done;
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
  // In a turn of its own: an abort ends the turn that it is called in, and this one may be somebody else's too.
  await new Promise((resolve) => setTimeout(resolve, 0));
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
