/** A registry, and beside it what each of its owners and clients must see. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { AgentId, IssuedToken } from '#protocol';
import { Cell } from '../../../../container/clients/cell.ts';
import { Registry, type RegistryEntry } from '../../../../container/clients/registry.ts';
import { FakeTownApi } from '../../support/fake-town-api.ts';
import { agentId } from '../../../support/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** `… earlier`: by an owner of long ago, who may have been replaced. `ahead`: a token that is newer than the one held. */
export type Step =
  | { readonly kind: 'open' | 'register' | 'release'; readonly agent: AgentId }
  | { readonly kind: 'swap'; readonly agent: AgentId; readonly ahead: boolean }
  | { readonly kind: 'undo' | 'release earlier' | 'swap earlier'; readonly nth: number };

/** Two agents, and clients more often than owners: so several clients stand when one of them leaves. */
const agent = fc.constantFrom(agentId(1), agentId(2));
const nth = fc.nat(30);
export const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('register' as const), agent }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('swap' as const), agent, ahead: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('undo' as const), nth }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('open', 'release'), agent }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('release earlier', 'swap earlier'), nth }) },
);

/** One opening of an agent's entry. */
interface Owner {
  readonly agent: AgentId;
  readonly entry: RegistryEntry;
  held: IssuedToken;
  isLive: boolean;
}

/** One registration: what it was given, and what it must have been given. */
interface Client {
  readonly owner: Owner;
  readonly leave: () => void;
  readonly given: string[];
  readonly expected: string[];
  stands: boolean;
}

export class RegistryRun {
  readonly #registry = new Registry();
  readonly #town = new FakeTownApi(() => ManualClock.START_MS);
  readonly #owners: Owner[] = [];
  readonly #clients: Client[] = [];

  perform(step: Step): void {
    switch (step.kind) {
      case 'open':
        return this.#open(step.agent);
      case 'register':
        return this.#register(step.agent);
      case 'release':
        return this.#release(this.#ownerOf(step.agent));
      case 'swap': {
        const owner = this.#ownerOf(step.agent);
        return this.#swap(owner, step.ahead || owner === undefined ? this.#town.mint(step.agent) : owner.held);
      }
      case 'undo':
        return this.#leave(pick(this.#clients, step.nth));
      case 'release earlier':
        return this.#release(pick(this.#owners, step.nth));
      case 'swap earlier': {
        const owner = pick(this.#owners, step.nth);
        return owner === undefined ? undefined : this.#swap(owner, this.#town.mint(owner.agent));
      }
    }
  }

  /** Fails the run where the registry holds more or less than the live agents, or a client heard anything but its own. */
  check(): void {
    expect(this.#registry.size).toBe(this.#owners.filter(({ isLive }) => isLive).length);
    for (const { given, expected } of this.#clients) expect(given).toEqual(expected);
  }

  #open(agent: AgentId): void {
    const held = this.#town.mint(agent);
    this.#close(this.#ownerOf(agent));
    this.#owners.push({ agent, entry: this.#registry.open(new Cell(held), () => {}), held, isLive: true });
  }

  #register(agent: AgentId): void {
    const owner = this.#ownerOf(agent);
    const given: string[] = [];
    const register = (): (() => void) =>
      this.#registry.register(agent, { setToken: (token) => void given.push(token) });
    if (owner === undefined) return expect(register).toThrow('not live');
    this.#clients.push({ owner, leave: register(), given, expected: [owner.held.token], stands: true });
  }

  #swap(owner: Owner | undefined, issued: IssuedToken): void {
    if (owner === undefined) return;
    const outcome = owner.entry.swap(issued);
    if (!owner.isLive) return expect(outcome).toBe('unknown_agent');
    const isNewer = issued.gen > owner.held.gen;
    expect(outcome).toBe(isNewer ? 'applied' : 'current');
    if (!isNewer) return;
    owner.held = issued;
    for (const client of this.#clients) {
      if (client.stands && client.owner === owner) client.expected.push(issued.token);
    }
  }

  #release(owner: Owner | undefined): void {
    owner?.entry.release();
    this.#close(owner);
  }

  #close(owner: Owner | undefined): void {
    if (owner === undefined) return;
    owner.isLive = false;
    for (const client of this.#clients) if (client.owner === owner) client.stands = false;
  }

  #leave(client: Client | undefined): void {
    if (client === undefined) return;
    client.leave();
    client.stands = false;
  }

  #ownerOf(agent: AgentId): Owner | undefined {
    return this.#owners.find((owner) => owner.isLive && owner.agent === agent);
  }
}

function pick<T>(all: readonly T[], nth: number): T | undefined {
  return all[nth % Math.max(1, all.length)];
}
