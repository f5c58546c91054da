import type { Secret } from '#lib/secret.ts';

/** A person who owns towns. `id` is stable, and is what the directory stores as owner. */
export interface Person {
  readonly id: string;
  /** When the credential that this person came with is over, in ms; null: it has no end. */
  readonly endsAtMs: number | null;
}

/** Turns a bearer credential into a person, or null. API keys and OIDC sign-in are further ones of these. */
export interface PersonAuthenticator {
  authenticate(bearer: string): Promise<Person | null>;
}

/** One person, for development: `REEVE_DEV_TOKEN`, which the configuration refuses anywhere but on loopback. */
export function devTokenAuthenticator(token: Secret | null): PersonAuthenticator {
  return {
    authenticate: async (bearer) =>
      token !== null && (await token.matches(bearer)) ? { id: 'dev', endsAtMs: null } : null,
  };
}
