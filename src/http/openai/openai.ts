/** The door for programs that speak OpenAI's API: chat frontends, gateways and SDKs (docs/frontends.md). */
import type { App, Edge } from '../edge/edge.ts';
import { chatCompletionRoutes } from './chat-completions.ts';
import { inOpenAiShape } from './error-shape.ts';
import { modelRoutes } from './models.ts';

/** Models and chat completions; whatever is refused here, before the routes too, is an error of OpenAI's shape. */
export function openAiRoutes(app: App, edge: Edge): void {
  app.use('/openai/*', inOpenAiShape);
  modelRoutes(app, edge);
  chatCompletionRoutes(app, edge);
}
