import type { AgentContainer } from './link/agent-container.ts';
import type { Town } from './town/town.ts';

/** What wrangler binds: the two Durable Objects and the database. Variables come beside them; `parseConfig` of env.ts reads those. */
export interface Env {
  readonly TOWN: DurableObjectNamespace<Town>;
  readonly AGENT_CONTAINER: DurableObjectNamespace<AgentContainer>;
  readonly DIRECTORY: D1Database;
  /** Workers Analytics Engine: a point for each sweep, where it is bound. */
  readonly SWEEPS?: AnalyticsEngineDataset;
  /** Static files: the console and the page of the API. */
  readonly ASSETS?: Fetcher;
  /** How often each may call; without them a deployment has no such limits. */
  readonly PERSON_RATE?: RateLimit;
  readonly AGENT_RATE?: RateLimit;
  readonly BAD_SIGN_IN_RATE?: RateLimit;
}
