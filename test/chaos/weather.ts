/** Carries out what a schedule breaks, and writes down from when to when it was broken. */
import { setTimeout } from 'node:timers/promises';
import { activated, newKey, pruned, rotated, tainted } from '../../src/tokens/key-edit.ts';
import type { PrivateKeySet } from '../../src/tokens/key-set.ts';
import type { Trouble } from './history.ts';
import type { Fault, KeyEdit } from './schedule.ts';
import { canStepClocks } from './fake-clock.ts';
import type { World } from './world.ts';

export class Weather {
  readonly troubles: Trouble[] = [];
  /** What is broken at this moment. */
  readonly active = new Set<string>();
  readonly #world: World;
  readonly #signal: AbortSignal;
  /** One thing at a time is done to the Worker: it has to be there for the next one. */
  #worker: Promise<void> = Promise.resolve();

  constructor(world: World, signal: AbortSignal) {
    this.#world = world;
    this.#signal = signal;
  }

  /** Resolves when what was broken works again, as far as it is seen from outside. */
  carryOut(fault: Fault): Promise<void> {
    switch (fault.kind) {
      case 'kill_worker':
      case 'freeze_worker':
      case 'edit_keys':
        this.#worker = this.#worker.then(() => this.#during(nameOf(fault), () => this.#toWorker(fault)));
        return this.#worker;
      case 'step_clock':
        if (!canStepClocks) return Promise.resolve();
        break;
      case 'lie':
      case 'kill_container':
      case 'end_container':
      case 'freeze_container':
    }
    return this.#during(nameOf(fault), () => this.#toContainer(fault));
  }

  async #toWorker(fault: Extract<Fault, { kind: 'kill_worker' | 'freeze_worker' | 'edit_keys' }>): Promise<void> {
    if (this.#signal.aborted) return;
    if (fault.kind === 'kill_worker') this.#world.crashWorker();
    else if (fault.kind === 'edit_keys') await this.#world.editKeys((keys) => edited(keys, fault.edit));
    else {
      this.#world.signalWorker('SIGSTOP');
      await this.#pause(fault.forMs);
      this.#world.signalWorker('SIGCONT');
    }
    await this.#world.workerServes();
  }

  async #toContainer(fault: Exclude<Fault, { kind: 'kill_worker' | 'freeze_worker' | 'edit_keys' }>): Promise<void> {
    switch (fault.kind) {
      case 'lie': {
        const end = this.#world.middlebox(fault.way, fault.nth).begin(fault.lie, fault.share);
        await this.#pause(fault.forMs);
        return end();
      }
      case 'step_clock':
        return this.#world.setClock(fault.nth, fault.bySeconds);
      case 'kill_container':
        this.#world.signalContainer(fault.nth, 'SIGKILL');
        break;
      case 'end_container':
        this.#world.signalContainer(fault.nth, 'SIGTERM');
        break;
      case 'freeze_container':
        this.#world.signalContainer(fault.nth, 'SIGSTOP');
        await this.#pause(fault.forMs);
        this.#world.signalContainer(fault.nth, 'SIGCONT');
    }
    await this.#world.containerServes(fault.nth);
  }

  async #during(kind: string, work: () => Promise<void>): Promise<void> {
    const from = Date.now();
    this.active.add(kind);
    try {
      await work();
    } finally {
      this.active.delete(kind);
      this.troubles.push({ from, to: Date.now(), kind });
    }
  }

  /** Ends early with the run. */
  #pause(ms: number): Promise<unknown> {
    return setTimeout(ms, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}

/** For a person: what, and where. */
export function nameOf(fault: Fault): string {
  if (fault.kind === 'lie')
    return `${fault.lie} ${fault.way === 'to_town' ? 'to the town' : `to container ${fault.nth + 1}`}`;
  if (fault.kind === 'edit_keys') return `keys: ${fault.edit}`;
  return 'nth' in fault ? `${fault.kind.replace('_', ' ')} ${fault.nth + 1}` : fault.kind.replace('_', ' ');
}

/** As `npm run keys` does it; what the set does not allow at this point changes nothing. */
async function edited(keys: PrivateKeySet, edit: KeyEdit): Promise<PrivateKeySet> {
  if (edit === 'prune') return pruned(keys);
  const active = keys.keys.find(({ reeve_state }) => reeve_state === 'active')?.kid ?? '';
  const result =
    edit === 'rotate'
      ? rotated(keys, await newKey('next'))
      : edit === 'activate'
        ? activated(keys)
        : tainted(keys, active, await newKey('active'));
  return result.ok ? result.value : keys;
}
