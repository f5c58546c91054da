/** The way into a town past every request: to its own ports, before the weather, so that what it keeps in memory stays right. */
import { runInDurableObject } from 'cloudflare:test';
import type { TownPorts } from '../../../src/town/ports.ts';
import type { TestTown } from './town.ts';

const ports = new WeakMap<DurableObjectState, TownPorts>();

/** Returns the ports of an object that is being made, for `inside` to find. */
export function remembered(state: DurableObjectState, own: TownPorts): TownPorts {
  ports.set(state, own);
  return own;
}

/** Writes to the town's database behind its back, and has it read its rows again. */
export function rewrite(town: Pick<TestTown, 'stub'>, query: string, ...bindings: SqlStorageValue[]): Promise<void> {
  return runInDurableObject(town.stub, (_, state) => {
    state.storage.sql.exec(query, ...bindings);
    const own = ports.get(state);
    if (own === undefined) throw new Error('this object was not made by the Worker under test');
    for (const kept of [own.agents, own.tokens, own.containers, own.due]) kept.forget();
  });
}

/** Works on the town's own database, sockets and memory. */
export function inside<T>(town: TestTown, work: (p: TownPorts) => T | Promise<T>): Promise<T> {
  return runInDurableObject(town.stub, (_, state) => {
    const own = ports.get(state);
    if (own === undefined) throw new Error('this object was not made by the Worker under test');
    return work(own);
  });
}
