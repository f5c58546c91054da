/** People by their role in a town, each with every credential that one may come with. */
import { env } from 'cloudflare:test';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { vi } from 'vitest';
import { Directory } from '../../../src/directory/directory-store.ts';
import { edgeOf, type Edge } from '../../../src/http/edge/edge.ts';
import type { Member } from '../../../src/people/member-store.ts';
import { signIn } from '../../../src/people/sign-in.ts';
import { MEMBER_ROLES, PERSON_SCOPES, type MemberRole, type PersonScope } from '../../../src/protocol/index.ts';
import { apiKeyOf } from './api-keys.ts';
import { inside } from './inside.ts';
import { lab } from './lab.ts';
import type { TestTown } from './town.ts';
import { PUBLIC_URL, deployment } from './wiring.ts';

const OIDC = { issuer: 'https://id.example', audience: 'reeve', clientId: null };
const ACCESS = { team: 'reeve.cloudflareaccess.com', audience: 'tag' };

/** One person with one credential. */
export interface Caller {
  readonly role: MemberRole | 'stranger';
  readonly by: string;
  readonly scope: PersonScope;
  readonly headers: Readonly<Record<string, string>>;
}

const WAYS = ['key', 'oidc', 'access'] as const;
type Way = (typeof WAYS)[number];

/** The id of the person of a role who comes this way. */
const personOf = (role: Caller['role'], way: Way): string => (way === 'key' ? role : `${way}:${role}`);

/** Makes all of them members of a town, past the edge. */
export async function admitAll(town: TestTown): Promise<void> {
  const sinceMs = lab.clock.now();
  const members: Member[] = MEMBER_ROLES.flatMap((role) =>
    WAYS.map((way) => ({ person: personOf(role, way), role, sinceMs, addedBy: 'dev' })),
  );
  await inside(town, (p) => members.forEach((member) => p.members.put(member)));
  const all = [...members, { person: 'dev', role: 'owner' as const, sinceMs, addedBy: null }];
  await new Directory(env.DIRECTORY).publishMembers(town.id, sinceMs, all);
}

/** The edge of a deployment with both ways to sign in, whose keys are served without a network; and everyone who calls there. */
export async function makeCallers(): Promise<{ readonly edge: Edge; readonly callers: readonly Caller[] }> {
  const { config, issuer } = await deployment();
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] };
  const discovery = { issuer: OIDC.issuer, jwks_uri: `${OIDC.issuer}/jwks` };
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input);
    return Response.json(pathname.endsWith('/openid-configuration') ? discovery : jwks);
  });
  const base = edgeOf(env, config);
  const settings = { ...config.signIn, oidc: OIDC, access: ACCESS };
  const people = signIn(
    settings,
    config.devToken,
    (id) => base.apiKeys.get(id),
    () => lab.clock.now(),
  );
  const seconds = Math.floor(lab.clock.now() / 1000);
  const token = (iss: string, aud: string, sub: string): Promise<string> =>
    new SignJWT({ iss, aud, sub, iat: seconds, exp: seconds + 86_400 })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(privateKey);
  const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
  const roles = ['stranger', ...MEMBER_ROLES] as const;
  const callers: Caller[] = [];
  for (const role of roles) {
    for (const scope of PERSON_SCOPES) {
      const { text } = await apiKeyOf(personOf(role, 'key'), scope);
      callers.push({ role, by: 'API key', scope, headers: bearer(text) });
    }
    const oidc = await token(OIDC.issuer, OIDC.audience, role);
    callers.push({ role, by: 'OpenID Connect', scope: 'admin', headers: bearer(oidc) });
    const access = await token(`https://${ACCESS.team}`, ACCESS.audience, role);
    const headers = { 'cf-access-jwt-assertion': access, origin: PUBLIC_URL };
    callers.push({ role, by: 'Cloudflare Access', scope: 'admin', headers });
  }
  const signed = { ...config, signIn: settings };
  return { edge: { ...base, config: signed, issuer, clock: lab.clock, log: lab.logOf('worker'), people }, callers };
}
