/** Signing in with an OpenID provider: the authorization code flow with PKCE (RFC 7636) of a public client, all of it in this page. */

import { nowMs, request } from '../lib/browser.ts';
import { fieldsOf } from '../lib/fields.ts';

/** What `/v1/sign-in` says of the provider. */
export interface Provider {
  readonly issuer: string;
  readonly client_id: string;
  readonly audience: string;
}

/** What has to be remembered while the person is at the provider. */
interface Pending {
  readonly verifier: string;
  readonly state: string;
  readonly returnTo: string;
}

/** A credential, and when it is over (ms). */
export interface Granted {
  readonly token: string;
  readonly endsAtMs: number | null;
}

/** Where `Pending` lies; it leaves with its first use. */
const PENDING = 'reeve.oidc';
/** Bytes of the verifier and of the state: none is ever guessed. */
const RANDOM_BYTES = 32;

interface Endpoints {
  readonly authorization: string;
  readonly token: string;
}

/** Leaves the page for the provider. Rejects with a message for people where the provider cannot be asked. */
export async function beginOidc(provider: Provider, redirectUri: string, returnTo: string): Promise<void> {
  const { authorization } = await discover(provider.issuer);
  const pending: Pending = { verifier: random(), state: random(), returnTo };
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: provider.client_id,
    redirect_uri: redirectUri,
    scope: 'openid',
    state: pending.state,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: 'S256',
    ...audienceOf(provider),
  });
  location.assign(`${authorization}${authorization.includes('?') ? '&' : '?'}${query.toString()}`);
}

/** What the provider sent the person back with; null: they do not come from there. Rejects with a message for people. */
export async function finishOidc(
  provider: Provider,
  redirectUri: string,
  search: string,
): Promise<(Granted & { readonly returnTo: string }) | null> {
  const answer = new URLSearchParams(search);
  const pending = takePending();
  if (!answer.has('state') || pending === null) return null;
  if (answer.get('state') !== pending.state) throw new Error('The provider answered another request: sign in again.');
  const code = answer.get('code');
  if (code === null) {
    throw new Error(
      `The provider did not sign you in: ${answer.get('error_description') ?? answer.get('error') ?? 'no reason'}`,
    );
  }
  const { token } = await discover(provider.issuer);
  const body = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    client_id: provider.client_id,
    code_verifier: pending.verifier,
    ...audienceOf(provider),
  });
  const response = await request(token, { method: 'POST', body, headers: { accept: 'application/json' } });
  const granted = grantedOf(await response.text(), provider);
  if (!response.ok || granted === null) throw new Error('The provider answered no usable token.');
  return { ...granted, returnTo: pending.returnTo };
}

/** RFC 8707 where the audience is an address, else as several providers name it. An audience that is the client's is the ID token's own. */
function audienceOf({ audience, client_id: client }: Provider): Record<string, string> {
  if (audience === client) return {};
  return URL.canParse(audience) ? { resource: audience, audience } : { audience };
}

function grantedOf(answer: string, { audience, client_id: client }: Provider): Granted | null {
  const { access_token: access, id_token: identity, expires_in: seconds } = fieldsOf(answer);
  const token = audience === client ? identity : access;
  if (typeof token !== 'string') return null;
  return { token, endsAtMs: typeof seconds === 'number' ? nowMs() + seconds * 1000 : null };
}

function takePending(): Pending | null {
  const { verifier, state, returnTo } = fieldsOf(sessionStorage.getItem(PENDING) ?? '');
  sessionStorage.removeItem(PENDING);
  if (typeof verifier !== 'string' || typeof state !== 'string' || typeof returnTo !== 'string') return null;
  return { verifier, state, returnTo };
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<Endpoints> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  try {
    const found = fieldsOf(await (await request(address)).text());
    const { authorization_endpoint: authorization, token_endpoint: token } = found;
    if (found['issuer'] === issuer && typeof authorization === 'string' && typeof token === 'string') {
      return { authorization, token };
    }
  } catch {
    // Said below in words for people; the browser's own say nothing.
  }
  throw new Error(`${issuer} cannot be asked how to sign in.`);
}

async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))));
}

const random = (): string => base64url(crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)));

const base64url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
