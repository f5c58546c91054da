/** Routes for people who have no credential here yet. */
import { API } from '../edge/api.ts';
import { routesOf } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { answers } from '../edge/route-parts.ts';

const publicRoute = routesOf('Sign-in', 'anyone');

/** How a person comes to a credential at the console. */
export function signInRoutes(app: App, edge: Edge): void {
  readWays(app, edge);
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
