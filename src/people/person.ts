/** Who a person is to Reeve, and what their credential allows. */
import type { KeyId, PersonScope } from '#protocol';
import type { Secret } from '#lib/secret.ts';

/** The owner of towns. `id` is stable, and is what the directory stores as owner. */
export interface Person {
  readonly id: string;
  /** When the credential that this person came with is over, in ms; null: it has no end. */
  readonly endsAtMs: number | null;
  /** The most that the credential allows; each scope contains those before it: `read`, `chat`, `admin`. */
  readonly scope: PersonScope;
  /** The API key that this person came with; null: another credential. */
  readonly key: KeyId | null;
}

/**
 * Turns a bearer credential into a person, or null where it is none of its own or not accepted. Rejects with `SignInUnavailable`
 * where that cannot be told now.
 */
export interface PersonAuthenticator {
  authenticate(bearer: string): Promise<Person | null>;
}

/** The keys of the issuer cannot be had: the credential may be good, and the caller may come again. */
export class SignInUnavailable extends Error {
  override readonly name = 'SignInUnavailable';
}

/** One person, for development: `REEVE_DEV_TOKEN`, which the configuration refuses anywhere but on loopback. */
export function devTokenAuthenticator(token: Secret | null): PersonAuthenticator {
  return {
    authenticate: async (bearer) =>
      token !== null && (await token.matches(bearer)) ? { id: 'dev', endsAtMs: null, scope: 'admin', key: null } : null,
  };
}

/** The first of several ways to sign in that knows the credential. */
export function anyOf(ways: readonly PersonAuthenticator[]): PersonAuthenticator {
  return {
    authenticate: async (bearer) => {
      for (const way of ways) {
        const person = await way.authenticate(bearer);
        if (person !== null) return person;
      }
      return null;
    },
  };
}
