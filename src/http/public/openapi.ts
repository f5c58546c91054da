/** The API's own description, made of the declared routes; `assets/docs.html` shows it. Declared last, after all that it describes. */
import { API } from '../edge/api.ts';
import { CREDENTIALS } from '../edge/declare-route.ts';
import type { App, Edge } from '../edge/edge.ts';
import { EXAMPLES } from './examples.ts';

/** `/openapi.json`, from the declarations of the routes themselves. */
export function openApiRoutes(app: App, edge: Edge): void {
  for (const [name, scheme] of Object.entries(CREDENTIALS)) {
    app.openAPIRegistry.registerComponent('securitySchemes', name, scheme);
  }
  // These are in no body that a route declares, and every client meets them.
  for (const name of ['Problem', 'StreamFrame', 'StreamReaderFrame'] as const) {
    app.openAPIRegistry.register(name, API[name]);
  }
  // Made once: it is the same for every caller, and costs more than any other answer.
  let described: object | null = null;
  app.get('/openapi.json', (c) => c.json((described ??= describeApi(app, edge))));
}

function describeApi(app: App, edge: Edge): object {
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Reeve',
      version: '1',
      description: 'A town orchestrator for long-lived AI agents.',
      license: { name: 'MIT', url: 'https://spdx.org/licenses/MIT.html' },
    },
    servers: [{ url: edge.config.publicUrl }],
  });
  for (const [name, example] of Object.entries<unknown>(EXAMPLES)) {
    const schema = document.components?.schemas?.[name];
    if (schema !== undefined) Object.assign(schema, { examples: [example] });
  }
  return document;
}
