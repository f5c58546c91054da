/** The edge: parses, authenticates, calls the town, and holds no state. Routes are declared once, with their schemas. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import { requestId } from 'hono/request-id';
import { routePath } from 'hono/route';
import { messageOf } from '#lib/result.ts';
import { agentCallRoutes } from './agents/calls.ts';
import { oauthRoutes } from './agents/oauth.ts';
import { agentLedgerRoutes } from './agents/ledger.ts';
import { containerRoutes } from './containers/pull-and-hello.ts';
import { crossOrigin } from './edge/cross-origin.ts';
import { traceRequests } from './edge/trace-request.ts';
import type { Edge, EdgeEnv } from './edge/edge.ts';
import { agentRoutes } from './people/agents.ts';
import { keyRoutes } from './people/keys.ts';
import { townContainerRoutes } from './people/containers.ts';
import { memberRoutes } from './people/members.ts';
import { delegationRoutes } from './people/delegations.ts';
import { permissionRoutes } from './people/permissions.ts';
import { signInRoutes } from './people/sign-in.ts';
import { presetRoutes } from './people/presets.ts';
import { messageRoutes } from './people/messages.ts';
import { eventRoutes } from './people/events.ts';
import { streamRoutes } from './people/stream.ts';
import { townRoutes } from './people/towns.ts';
import { webhookRoutes } from './people/webhooks.ts';
import { openAiRoutes } from './openai/openai.ts';
import { metricsRoutes } from './operators/metrics.ts';
import { openApiRoutes } from './public/openapi.ts';
import { noSuchRoute } from './edge/no-such-route.ts';
import { routedPath } from './routed-path.ts';
import { Refusal, problemResponse, refuseInvalid } from './edge/problem.ts';
import { publicRoutes } from './public/public.ts';

/** All routes of the Worker. Any other path answers 404, and anything thrown 500, both as problem documents. */
export function createApp(edge: Edge): OpenAPIHono<EdgeEnv> {
  const app = new OpenAPIHono<EdgeEnv>({ defaultHook: refuseInvalid, getPath: routedPath });
  app.use(requestId());
  app.use(traceRequests(edge));
  if (edge.config.signIn.allowedOrigins.size > 0) app.use(crossOrigin(edge.config));
  publicRoutes(app, edge);
  metricsRoutes(app, edge);
  signInRoutes(app, edge);
  keyRoutes(app, edge);
  townRoutes(app, edge);
  townContainerRoutes(app, edge);
  memberRoutes(app, edge);
  agentRoutes(app, edge);
  messageRoutes(app, edge);
  eventRoutes(app, edge);
  streamRoutes(app, edge);
  permissionRoutes(app, edge);
  presetRoutes(app, edge);
  delegationRoutes(app, edge);
  webhookRoutes(app, edge);
  agentCallRoutes(app, edge);
  agentLedgerRoutes(app, edge);
  oauthRoutes(app, edge);
  containerRoutes(app, edge);
  openAiRoutes(app, edge);
  openApiRoutes(app, edge);
  app.notFound((c) => noSuchRoute(app, c.req.path, c.req.method, c.get('requestId')));
  app.onError((thrown, c) => {
    const id = c.get('requestId');
    if (thrown instanceof Refusal) return problemResponse(thrown.code, id, thrown.extra);
    if (thrown instanceof HTTPException && thrown.status < 500) {
      return problemResponse('invalid_request', id, { errors: [unreadable(thrown)] });
    }
    // The route, not the path: what a caller puts into an address may be a token by mistake (T6).
    c.get('log').error('request.failed', { route: routePath(c, -1), error: messageOf(thrown) });
    return problemResponse(isPlatformPause(thrown) ? 'unavailable' : 'internal', id);
  });
  return app;
}

/** What the validator could not read as a body: 415 is another content type than JSON, 400 is text that does not parse. */
function unreadable(thrown: HTTPException): { path: string; message: string } {
  return thrown.status === 415
    ? { path: 'content-type', message: 'must be application/json' }
    : { path: '', message: 'must be JSON' };
}

/** A Durable Object that is being replaced or overloaded says so on its exception; the caller may come again. */
function isPlatformPause(thrown: Error): boolean {
  return ('retryable' in thrown && thrown.retryable === true) || ('overloaded' in thrown && thrown.overloaded === true);
}
