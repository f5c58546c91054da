/** The API's own description, made of the declared routes, and a page that shows it. Declared last, after all that it describes. */
import { randomBytes, base64url } from '#lib/secret.ts';
import { docsHeaders, docsPage } from './docs-page.ts';
import type { App, Edge } from '../edge/edge.ts';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;
const NONCE_BYTES = 16;

export function openApiRoutes(app: App, edge: Edge): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.get('/openapi.json', (c) => c.json(describeApi(app, edge)));
  app.get('/docs', (c) => {
    const nonce = base64url(randomBytes(NONCE_BYTES));
    return c.html(docsPage(nonce), 200, docsHeaders(nonce));
  });
}

function describeApi(app: App, edge: Edge): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: { title: 'Reeve', version: '1', description: 'A town orchestrator for long-lived AI agents.' },
    servers: [{ url: edge.config.publicUrl }],
    // A person's credential, an agent's own token, or a container's secret, as the route says.
    security: [{ bearer: [] }],
  });
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = item[method];
      if (operation !== undefined) operation.operationId = operationId(method, path);
    }
  }
  return document;
}

/** `postTownsTownAgents` of `POST /v1/towns/{town}/agents`: as stable as the route, and as unique. */
function operationId(method: string, path: string): string {
  const words = path.replace(/^\/v1\//, '').match(/[a-z0-9]+/gi) ?? [];
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}
