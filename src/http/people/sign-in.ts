/** Routes by which people come to a credential at the console: what ways there are, and one-time links. */
import {
  CONSOLE_KEY_NAME,
  CONSOLE_KEY_SECONDS,
  MAX_SIGN_IN_LINKS_PER_PERSON,
  SIGN_IN_LINK_SECONDS,
  allowsScope,
} from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { sha256 } from '#lib/secret.ts';
import { drawSignInCode, signInUrl, type SignInLink } from '../../people/sign-in-link.ts';
import { API } from '../edge/api.ts';
import { refuseCredential, requirePerson } from '../edge/authenticate.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { Refusal } from '../edge/problem.ts';
import { answers, jsonBody, smallBody } from '../edge/route-parts.ts';
import { issueKey } from './issue-key.ts';

const TAG = 'Sign-in';
const publicRoute = routesOf(TAG, 'anyone');
const route = routesOf(TAG, 'person');

/** How a person comes to a credential at the console. */
export function signInRoutes(app: App, edge: Edge): void {
  readWays(app, edge);
  createLink(app, edge);
  redeemLink(app, edge);
}

function readWays(app: App, { config: { signIn } }: Edge): void {
  const client = signIn.oidc?.clientId ?? null;
  const oidc =
    signIn.oidc === null || client === null
      ? null
      : { issuer: signIn.oidc.issuer, client_id: client, audience: signIn.oidc.audience };
  app.openapi(
    publicRoute({
      operationId: 'getSignIn',
      method: 'get',
      path: '/v1/sign-in',
      summary: 'Read how people may sign in at the console; needs no credentials',
      responses: answers(200, API.SignInWays, 'The ways'),
    }),
    (c) => c.json({ oidc, access: signIn.access !== null, links: true as const }, 200),
  );
}

function createLink(app: App, edge: Edge): void {
  app.openapi(
    route({
      operationId: 'createSignInLink',
      method: 'post',
      path: '/v1/sign-in/links',
      summary: 'Make a link that signs you in at the console, once',
      middleware: [requirePerson(edge), smallBody] as const,
      request: { body: jsonBody(API.SignInLinkOrder) },
      responses: answers(201, API.SignInLink, 'The link; this answer is the only one that shows it'),
    }),
    async (c) => {
      const { id: person, scope: most, endsAtMs, key: parent } = c.get('person');
      const { scope = most } = c.req.valid('json');
      // Never more than what it is made with, nor longer.
      if (!allowsScope(most, scope)) throw new Refusal('insufficient_scope');
      const { code, digest } = await drawSignInCode();
      const now = edge.clock.now();
      const expiresAtMs = Math.min(now + SIGN_IN_LINK_SECONDS * 1000, endsAtMs ?? Infinity);
      const link: SignInLink = { digest, person, scope, parent, endsAtMs, expiresAtMs };
      if (!(await edge.signInLinks.add(link, MAX_SIGN_IN_LINKS_PER_PERSON, now))) throw new Refusal('limit_exceeded');
      c.header('cache-control', 'no-store');
      return c.json({ code, url: signInUrl(edge.config.publicUrl, code), expires_at: timestamp(expiresAtMs) }, 201);
    },
  );
}

function redeemLink(app: App, edge: Edge): void {
  app.openapi(
    publicRoute(
      {
        operationId: 'redeemSignInLink',
        method: 'post',
        path: '/v1/sign-in',
        summary: 'Exchange the code of a link for an API key of the person who made it, once; needs no credentials',
        middleware: [smallBody] as const,
        request: { body: jsonBody(API.SignInCode) },
        responses: answers(201, API.NewApiKey, 'The key'),
      },
      ['invalid_token', 'limit_exceeded'],
    ),
    async (c) => {
      const now = edge.clock.now();
      const digest = await sha256(c.req.valid('json').code);
      const link = (await edge.signInLinks.take(digest, now)) ?? (await refuseCredential(edge, c));
      const { person, scope, parent } = link;
      const expiresAtMs = Math.min(now + CONSOLE_KEY_SECONDS * 1000, link.endsAtMs ?? Infinity);
      const order = { name: CONSOLE_KEY_NAME, person, scope, parent, createdAtMs: now, expiresAtMs };
      const issued = await issueKey(edge, order);
      if (!issued.ok && issued.error === 'parent_over') return refuseCredential(edge, c);
      if (!issued.ok) {
        // 429 says that nothing was done: the link is as good as before.
        await edge.signInLinks.add(link, MAX_SIGN_IN_LINKS_PER_PERSON, now);
        throw new Refusal('limit_exceeded');
      }
      c.header('cache-control', 'no-store');
      return c.json(issued.value, 201);
    },
  );
}
