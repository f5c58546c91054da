/** What the town answers to people has the shape that the protocol declares: no field more, and none less. */
import { expect } from 'vitest';
import { z } from 'zod';
import { completionSchema } from '../../../src/http/openai/completion.ts';
import { modelListSchema } from '../../../src/http/openai/models.ts';
import {
  agentSchema,
  apiKeySchema,
  delegationSchema,
  deletedTownSchema,
  eventPageSchema,
  introspectionSchema,
  messageSchema,
  newApiKeySchema,
  pageOf,
  permissionSchema,
  presetSchema,
  restoredSchema,
  streamTicketSchema,
  sweepReportSchema,
  townEntrySchema,
  townHealthSchema,
  townSchema,
} from '../../../src/protocol/index.ts';

const TOWN = '/v1/towns/{town}';
const AGENT = `${TOWN}/agents/{agent}`;

/** By route, as `/openapi.json` calls it. */
export const SHAPES: Readonly<Record<string, z.ZodType>> = {
  'POST /v1/towns': townSchema,
  'GET /v1/towns': pageOf(townEntrySchema),
  [`GET ${TOWN}`]: townSchema,
  [`DELETE ${TOWN}`]: deletedTownSchema,
  [`PATCH ${TOWN}`]: townSchema,
  'POST /v1/oauth/introspect': introspectionSchema,
  [`GET ${TOWN}/health`]: townHealthSchema,
  [`POST ${TOWN}/restored`]: restoredSchema,
  [`POST ${TOWN}/refresh`]: sweepReportSchema,
  [`GET ${TOWN}/events`]: eventPageSchema,
  'POST /v1/keys': newApiKeySchema,
  'GET /v1/keys': pageOf(apiKeySchema),
  'DELETE /v1/keys/{key}': apiKeySchema,
  'GET /v1/presets': z.object({ items: z.array(presetSchema) }),
  [`GET ${TOWN}/permissions`]: pageOf(permissionSchema),
  [`GET ${TOWN}/permissions/{permission}`]: permissionSchema,
  [`POST ${TOWN}/permissions/{permission}`]: permissionSchema,
  [`POST ${TOWN}/tickets`]: streamTicketSchema,
  [`GET ${TOWN}/delegations`]: pageOf(delegationSchema),
  [`POST ${TOWN}/agents`]: agentSchema,
  [`GET ${TOWN}/agents`]: pageOf(agentSchema),
  [`GET ${AGENT}`]: agentSchema,
  [`PATCH ${AGENT}`]: agentSchema,
  [`DELETE ${AGENT}`]: agentSchema,
  [`POST ${AGENT}/start`]: agentSchema,
  [`POST ${AGENT}/stop`]: agentSchema,
  [`POST ${AGENT}/revoke`]: agentSchema,
  [`POST ${AGENT}/refresh`]: sweepReportSchema,
  [`POST ${AGENT}/interrupt`]: agentSchema,
  [`POST ${AGENT}/messages`]: messageSchema,
  [`GET ${AGENT}/messages`]: pageOf(messageSchema),
  [`GET ${AGENT}/messages/{message}`]: messageSchema,
  [`DELETE ${AGENT}/messages/{message}`]: messageSchema,
  'GET /openai/v1/models': modelListSchema,
  'POST /openai/v1/chat/completions': completionSchema,
};

const PATTERNS = Object.entries(SHAPES).map(([route, shape]) => ({
  pattern: new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  shape,
}));

/** Throws where a good answer of a route for people is not of its shape. */
export function checkShape(method: string, path: string, answer: unknown): void {
  const [bare = ''] = path.split('?');
  const found = PATTERNS.find(({ pattern }) => pattern.test(`${method} ${bare}`));
  if (found !== undefined) expect(found.shape.parse(answer), `${method} ${bare}`).toStrictEqual(answer);
}
