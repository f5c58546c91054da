/** The API's own description, made of the declared routes; `assets/docs.html` shows it. Declared last, after all that it describes. */
import type { App, Edge } from '../edge/edge.ts';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'] as const;

/** `/openapi.json`, from the declarations of the routes themselves. */
export function openApiRoutes(app: App, edge: Edge): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  app.get('/openapi.json', (c) => c.json(describeApi(app, edge)));
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
