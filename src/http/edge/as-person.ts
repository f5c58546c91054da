/** A call of a town as a person, and what every such call may be refused for. */
import { MAX_WRITES_PER_MINUTE, ROLE_FOR, type PersonScope } from '#protocol';
import { err, type Result } from '#lib/result.ts';
import type { PersonRefusal } from '../../town/members/authorize-person.ts';
import type { Closed } from '../../town/town-gate.ts';
import { callThrough } from './call-through.ts';
import type { ChatStub, EdgeEnv, PersonStub, TownStub, WebhookStub } from './edge.ts';
import { neededScope } from './person-scope.ts';
import { Refusal } from './problem.ts';

type Call<T, E> = (me: PersonStub) => Promise<Result<T, E | PersonRefusal | Closed>>;

/** The context of a request of a person in a town. */
export interface PersonsRequest {
  readonly req: { readonly method: string; readonly path: string };
  get<K extends 'town' | 'person'>(key: K): EdgeEnv['Variables'][K];
}

/** Makes one call as the person of the request. Throws as `callAs` does. */
export function asPerson<T, E>(c: PersonsRequest, call: Call<T, E>): Promise<Result<T, E>> {
  return callAs(c.get('town'), c.get('person').id, neededScope(c.req.method, c.req.path), call);
}

/**
 * Makes one call, in one round trip. Throws a `Refusal` where the person is no member, which looks like a town that is not there, where
 * their role does not allow it, with the role that does, and where they have done too much in this minute.
 * @param needed what the route takes
 */
export async function callAs<T, E>(
  town: TownStub,
  person: string,
  needed: PersonScope,
  call: Call<T, E>,
): Promise<Result<T, E>> {
  return allowed(await callThrough(town.person({ person }), call), needed);
}

/** The same for a call that a chat frontend makes for the person. */
export async function chatAs<T, E>(
  town: TownStub,
  person: string,
  needed: PersonScope,
  call: (chat: ChatStub) => Promise<Result<T, E | PersonRefusal | Closed>>,
): Promise<Result<T, E>> {
  return allowed(await callThrough(town.chat({ person }), call), needed);
}

/** The same for a call about webhooks, as the person of the request. */
export async function webhooksAs<T, E>(
  c: PersonsRequest,
  call: (webhooks: WebhookStub) => Promise<Result<T, E | PersonRefusal | Closed>>,
): Promise<Result<T, E>> {
  const answered = await callThrough(c.get('town').webhooks({ person: c.get('person').id }), call);
  return allowed(answered, neededScope(c.req.method, c.req.path));
}

function allowed<T, E>(answered: Result<T, E | PersonRefusal>, needed: PersonScope): Result<T, E> {
  if (answered.ok) return answered;
  const { error } = answered;
  if (error === 'no_member') throw new Refusal('not_found');
  if (error === 'insufficient_role') throw insufficientRole(needed);
  if (error === 'too_many_writes') throw new Refusal('limit_exceeded', TOO_MANY_WRITES);
  return err(error);
}

const TOO_MANY_WRITES = {
  detail: `One person does ${MAX_WRITES_PER_MINUTE} things a minute in a town, beside reading.`,
};

/** Names the role that it takes. */
export function insufficientRole(needed: PersonScope): Refusal {
  return new Refusal('insufficient_role', { detail: `It takes the role ${ROLE_FOR[needed]}.` });
}
