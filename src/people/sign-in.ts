import type { KeyId } from '#protocol';
import type { Secret } from '#lib/secret.ts';
import { apiKeyAuthenticator, type ApiKey } from './api-key.ts';
import { accessIssuer, jwtAuthenticator, oidcIssuer } from './jwt-sign-in.ts';
import { anyOf, devTokenAuthenticator, type PersonAuthenticator } from './person.ts';
import type { SignInSettings } from './sign-in-settings.ts';

/** Every way to sign in that a deployment has: API keys always, the others where they are configured. */
export function signIn(
  { oidc, access }: SignInSettings,
  devToken: Secret | null,
  findKey: (id: KeyId) => Promise<ApiKey | null>,
  now: () => number,
): PersonAuthenticator {
  return anyOf([
    devTokenAuthenticator(devToken),
    apiKeyAuthenticator(findKey, now),
    ...(oidc === null ? [] : [jwtAuthenticator(oidcIssuer(oidc.issuer, oidc.audience), now)]),
    ...(access === null ? [] : [jwtAuthenticator(accessIssuer(access.team, access.audience), now)]),
  ]);
}
