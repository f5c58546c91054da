/** The way of one person into a town: each call is decided in the run of the gate that does its work (T11). */
import type { PersonScope } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { Member } from '../people/member-store.ts';
import type { Agent } from '../roster/agent.ts';
import { authorizePerson, type PersonCall, type PersonRefusal } from './members/authorize-person.ts';
import type { TownPorts } from './ports.ts';
import type { Answered, TownGate } from './town-gate.ts';

/** What a person's call comes to; each may come from a stranger, or from a member of another role. */
export type PersonAnswered<T, E = never> = Answered<T, E | PersonRefusal>;

/** Lets one person in, where they are a member whose role allows what they ask for. */
export class PersonGate {
  readonly #gate: TownGate;
  readonly #call: PersonCall;

  constructor(gate: TownGate, call: PersonCall) {
    this.#gate = gate;
    this.#call = call;
  }

  /** `by` is the member who calls. */
  run<T, E>(
    needed: PersonScope,
    work: (p: TownPorts, by: Member) => Result<T, E> | Promise<Result<T, E>>,
  ): PersonAnswered<T, E> {
    return this.#gate.run<T, E | PersonRefusal>((p) => {
      const authorized = authorizePerson(p, this.#call, needed);
      return authorized.ok ? work(p, authorized.value) : authorized;
    });
  }

  /** For one agent, by id or by the name of a live one. */
  with<T>(
    needed: PersonScope,
    idOrName: string,
    work: (p: TownPorts, agent: Agent) => T | Promise<T>,
  ): PersonAnswered<T> {
    return this.run(needed, async (p) => {
      const agent = p.agents.find(idOrName);
      return agent === null ? err('not_found' as const) : ok(await work(p, agent));
    });
  }
}
