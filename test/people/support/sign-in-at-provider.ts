/** A person who signs in at an OpenID provider with a browser, as far as that can be done without one: forms, cookies, redirects. */
import { createHash, randomBytes } from 'node:crypto';

/** A public client of the provider, as a program on a person's machine is. */
export const CLIENT = 'reeve-people';
export const REDIRECT = 'http://127.0.0.1/signed-in';
/** Life of an access token: longer than keys are kept. */
export const TOKEN_SECONDS = 3600;

/** Authorization code with PKCE (RFC 7636) for one resource (RFC 8707): answers the access token. */
export async function signInAtProvider(issuer: string, login: string, resource: string): Promise<string> {
  const discovered = await fetch(`${issuer}/.well-known/openid-configuration`);
  const { authorization_endpoint: authorize, token_endpoint: exchange } = (await discovered.json()) as Endpoints;
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: CLIENT,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: 'openid',
    resource,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const code = await consent(new URL(`${authorize}?${query.toString()}`), login);
  const form = { grant_type: 'authorization_code', client_id: CLIENT, redirect_uri: REDIRECT, resource };
  const response = await fetch(exchange, {
    method: 'POST',
    body: new URLSearchParams({ ...form, code, code_verifier: verifier }),
  });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`no token: ${response.status}`);
  return token;
}

interface Endpoints {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
}

/** Follows redirects, fills in the form of a login and the one of a consent, and returns with the code. */
async function consent(from: URL, login: string): Promise<string> {
  const cookies = new Map<string, string>();
  let at = from;
  let form: URLSearchParams | null = null;
  for (let step = 0; step < 12; step += 1) {
    const response: Response = await fetch(at, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form === null ? {} : { method: 'POST', body: form }),
    });
    for (const set of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
      cookies.set(name, value);
    }
    const page = await response.text();
    const location = response.headers.get('location');
    if (location === null) {
      const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
      if (prompt === undefined) throw new Error(`neither form nor redirect: ${response.status} ${page}`);
      form = new URLSearchParams({ prompt, login });
      continue;
    }
    form = null;
    at = new URL(location, at);
    if (at.href.startsWith(REDIRECT)) return at.searchParams.get('code') ?? '';
  }
  throw new Error('the sign-in does not come to an end');
}
