/**
 * Tokens for third parties: an agent exchanges its own token for one (RFC 8693), whoever gets one may ask whether it is still accepted
 * (RFC 7662), and the agent may end it (RFC 7009). Tokens stand in bodies, never in addresses (W-36).
 */
import type { z } from '@hono/zod-openapi';
import { createMiddleware } from 'hono/factory';
import { JWT_TYPE, type AgentId, type Introspection, type ThirdPartyClaims, type TownId } from '#protocol';
import { base64url, randomBytes } from '#lib/secret.ts';
import { verifyAgentToken, verifyThirdPartyToken } from '../../tokens/verify.ts';
import type { PresentedToken } from '../../town/credentials/introspect-token.ts';
import { admitSubject, requireAgent, requireAgentOrPerson } from '../edge/authenticate.ts';
import { API } from '../edge/api.ts';
import { declareRoute, problemResponses } from '../edge/declare-route.ts';
import { callThrough } from '../edge/call-through.ts';
import type { App, Edge, EdgeEnv } from '../edge/edge.ts';
import { OauthRefusal, oauthErrors, refuseForm } from '../edge/oauth-error.ts';
import { Refusal } from '../edge/problem.ts';
import { answers, smallBody } from '../edge/route-parts.ts';
import { asAgent } from './as-agent.ts';
import { audienceOf, exchangeForm, tokenForm } from '../edge/oauth-forms.ts';

/** The three routes of OAuth. */
export function oauthRoutes(app: App, edge: Edge): void {
  exchange(app, edge);
  introspect(app, edge);
  revoke(app, edge);
}

const FORM = 'application/x-www-form-urlencoded';
const NOT_A_FORM = { errors: [{ path: 'content-type', message: `must be ${FORM}` }] };

/** RFC 6749, appendix B: the one form that is read. */
const onlyForms = createMiddleware<EdgeEnv>(async (c, next) => {
  const [type = ''] = (c.req.header('content-type') ?? '').split(';');
  if (type.trim().toLowerCase() !== FORM) throw new Refusal('invalid_request', NOT_A_FORM);
  await next();
});

const formOf = <T extends z.ZodType>(schema: T) => ({
  body: { content: { [FORM]: { schema } }, required: true as const },
});
const bad = { description: 'An OAuth error', content: { 'application/json': { schema: API.OAuthError } } };
/** What is refused is an OAuth error; what fails is a problem, as on every other route. */
const REFUSED = { 400: bad, 401: bad, 403: bad, 413: bad, 429: bad };
const FAILED = problemResponses(['internal', 'unavailable']);

function exchange(app: App, edge: Edge): void {
  app.openapi(
    declareRoute('OAuth', [], {
      operationId: 'exchangeToken',
      method: 'post',
      path: '/v1/oauth/token',
      summary: "Exchange an agent's own token, which stands in the body, for one that a third party accepts (RFC 8693)",
      middleware: [oauthErrors('body'), smallBody, onlyForms] as const,
      request: formOf(exchangeForm),
      responses: { ...answers(200, API.ExchangedToken, 'The token for the third party'), ...REFUSED, ...FAILED },
    }),
    async (c) => {
      const form = c.req.valid('form');
      const order = { audience: audienceOf(form), jti: base64url(randomBytes(16)) };
      await admitSubject(edge, c, form.subject_token);
      const issued = await asAgent(c, (self) => self.exchangeToken(order));
      c.header('cache-control', 'no-store');
      return c.json(
        {
          access_token: issued.token,
          issued_token_type: JWT_TYPE,
          token_type: 'Bearer' as const,
          expires_in: issued.expiresIn,
        },
        200,
      );
    },
    refuseForm,
  );
}

function introspect(app: App, edge: Edge): void {
  app.openapi(
    declareRoute('OAuth', ['agent', 'person'], {
      operationId: 'introspectToken',
      method: 'post',
      path: '/v1/oauth/introspect',
      summary: "Ask whether a token of one of the town's agents is accepted (RFC 7662); for its people, and its agents",
      middleware: [oauthErrors('header'), requireAgentOrPerson(edge), smallBody, onlyForms] as const,
      request: formOf(tokenForm),
      responses: {
        ...answers(200, API.Introspection, 'What it says, or that it is not active'),
        ...REFUSED,
        ...FAILED,
      },
    }),
    async (c) => {
      const found = await readToken(edge, c.req.valid('form').token);
      const isActive = c.get('isPerson')
        ? found !== null && (await isActiveFor(edge, c.get('person').id, found))
        : await asAgent(c, (self) => self.introspectToken(found?.token ?? null));
      c.header('cache-control', 'no-store');
      return c.json(isActive && found !== null ? found.says : { active: false as const }, 200);
    },
    refuseForm,
  );
}

function revoke(app: App, edge: Edge): void {
  app.openapi(
    declareRoute('OAuth', ['agent'], {
      operationId: 'revokeToken',
      method: 'post',
      path: '/v1/oauth/revoke',
      summary:
        'End a token that the agent exchanged for (RFC 7009); any other token is left as it is, with the same answer',
      middleware: [oauthErrors('header'), requireAgent(edge), smallBody, onlyForms] as const,
      request: formOf(tokenForm),
      responses: { ...answers(200, API.Revoked, 'It is not active any more'), ...REFUSED, ...FAILED },
    }),
    async (c) => {
      const found = await readToken(edge, c.req.valid('form').token);
      const jti = found?.token.kind === 'third_party' ? found.token.claims.jti : null;
      await asAgent(c, (self) => self.revokeToken(jti));
      if (found?.token.kind === 'own') throw new OauthRefusal('unsupported_token_type', BY_PEOPLE);
      c.header('cache-control', 'no-store');
      return c.json({}, 200);
    },
    refuseForm,
  );
}

const BY_PEOPLE = "An agent's own token is replaced at each refresh; people revoke the agent";

/** A token that this issuer signed and that has not expired: whose town it is of, and what it says where it is accepted. */
interface Found {
  readonly town: TownId;
  readonly token: PresentedToken;
  readonly says: Introspection;
}

async function readToken(edge: Edge, text: string): Promise<Found | null> {
  const [issuer, now] = [await edge.issuer(), edge.clock.now()];
  const own = await verifyAgentToken(issuer, text, now);
  if (own.ok) {
    const { claims } = own.value;
    const says = { ...whatItSays(claims, claims.agent), scope: claims.scope };
    return { town: claims.town, token: { kind: 'own', call: own.value }, says };
  }
  const other = await verifyThirdPartyToken(issuer, text, now);
  if (!other.ok) return null;
  const { claims, agent, town } = other.value;
  return { town, token: { kind: 'third_party', agent, claims }, says: whatItSays(claims, agent) };
}

/** Of an agent's own token only what one for a third party has as well. */
function whatItSays({ iss, sub, aud, iat, nbf, exp, jti }: ThirdPartyClaims, client_id: AgentId) {
  const said = { iss, sub, aud, iat, nbf, exp, jti, client_id };
  return { active: true as const, token_type: 'Bearer' as const, ...said };
}

/** Of a town of others nothing is said, and no Durable Object is touched for it (M-13). */
async function isActiveFor(edge: Edge, person: string, { town, token }: Found): Promise<boolean> {
  const membership = await edge.directory.findFor(person, town);
  if (membership === null || membership.deletedAtMs !== null) return false;
  const answer = await callThrough(edge.town(town).person({ person }), (me) => me.introspect(token));
  return answer.ok && answer.value;
}
