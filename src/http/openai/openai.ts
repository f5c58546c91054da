/** The door for chat frontends, gateways and SDKs: those that speak OpenAI's API, and those that speak AG-UI (docs/frontends.md). */
import type { App, Edge } from '../edge/edge.ts';
import { agUiRoutes } from './ag-ui.ts';
import { chatCompletionRoutes } from './chat-completions.ts';
import { inOpenAiShape } from './error-shape.ts';
import { modelRoutes } from './models.ts';
import { responseRoutes } from './responses.ts';

/** Models, chat completions, responses and runs; what is refused under `/openai`, before the routes too, is an error of OpenAI's shape. */
export function openAiRoutes(app: App, edge: Edge): void {
  app.use('/openai/*', inOpenAiShape);
  modelRoutes(app, edge);
  chatCompletionRoutes(app, edge);
  responseRoutes(app, edge);
  agUiRoutes(app, edge);
}
