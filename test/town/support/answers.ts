/** What the town answers to people has the shape that the protocol declares: no field more, and none less. */
import { expect } from 'vitest';
import { z } from 'zod';
import { completionSchema } from '../../../src/http/openai/completion.ts';
import { modelListSchema, modelSchema } from '../../../src/http/openai/models.ts';
import { responseSchema } from '../../../src/http/openai/response.ts';
import {
  agentSchema,
  apiKeySchema,
  callerSchema,
  containerSchema,
  credentialSchema,
  delegationSchema,
  deletedTownSchema,
  eventPageSchema,
  introspectionSchema,
  memberSchema,
  messageSchema,
  newApiKeySchema,
  pageOf,
  permissionSchema,
  presetSchema,
  restoreBegunSchema,
  restoredSchema,
  streamTicketSchema,
  signInLinkSchema,
  signInWaysSchema,
  sweepReportSchema,
  townEntrySchema,
  townHealthSchema,
  townSchema,
  webhookSchema,
  webhookTestSchema,
  webhookWithSecretSchema,
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
  [`GET ${TOWN}/containers`]: z.object({ items: z.array(containerSchema) }),
  [`POST ${TOWN}/restore`]: restoreBegunSchema,
  [`POST ${TOWN}/restored`]: restoredSchema,
  [`POST ${TOWN}/refresh`]: sweepReportSchema,
  [`GET ${TOWN}/events`]: eventPageSchema,
  'GET /v1/me': callerSchema,
  'GET /v1/sign-in': signInWaysSchema,
  'POST /v1/sign-in': newApiKeySchema,
  'POST /v1/sign-in/links': signInLinkSchema,
  [`GET ${TOWN}/members`]: pageOf(memberSchema),
  [`PUT ${TOWN}/members/{subject}`]: memberSchema,
  [`DELETE ${TOWN}/members/{subject}`]: memberSchema,
  'POST /v1/keys': newApiKeySchema,
  'GET /v1/keys': pageOf(apiKeySchema),
  'DELETE /v1/keys/{key}': apiKeySchema,
  'GET /v1/presets': z.object({ items: z.array(presetSchema) }),
  [`GET ${TOWN}/permissions`]: pageOf(permissionSchema),
  [`GET ${TOWN}/permissions/{permission}`]: permissionSchema,
  [`POST ${TOWN}/permissions/{permission}`]: permissionSchema,
  [`POST ${TOWN}/tickets`]: streamTicketSchema,
  [`POST ${TOWN}/webhooks`]: webhookWithSecretSchema,
  [`GET ${TOWN}/webhooks`]: z.object({ items: z.array(webhookSchema) }),
  [`GET ${TOWN}/webhooks/{webhook}`]: webhookSchema,
  [`PATCH ${TOWN}/webhooks/{webhook}`]: webhookSchema,
  [`DELETE ${TOWN}/webhooks/{webhook}`]: webhookSchema,
  [`POST ${TOWN}/webhooks/{webhook}/test`]: webhookTestSchema,
  [`POST ${TOWN}/webhooks/{webhook}/rotate`]: webhookWithSecretSchema,
  [`GET ${TOWN}/delegations`]: pageOf(delegationSchema),
  [`POST ${TOWN}/agents`]: agentSchema,
  [`GET ${TOWN}/agents`]: pageOf(agentSchema),
  [`GET ${AGENT}`]: agentSchema,
  [`GET ${AGENT}/credential`]: credentialSchema,
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
  'GET /openai/v1/models/{model}': modelSchema,
  'POST /openai/v1/chat/completions': completionSchema,
  'POST /openai/v1/responses': responseSchema,
};

/** Matches a method and a path that this route serves. */
const patternOf = (route: string): RegExp => new RegExp(`^${route.replaceAll(/\{\w+\}/g, '[^/]+')}$`);

const PATTERNS = Object.entries(SHAPES).map(([route, shape]) => ({ pattern: patternOf(route), shape }));

/** Throws where a good answer of a route for people is not of its shape. */
export function checkShape(method: string, path: string, answer: unknown): void {
  const [bare = ''] = path.split('?');
  const found = PATTERNS.find(({ pattern }) => pattern.test(`${method} ${bare}`));
  if (found !== undefined) expect(found.shape.parse(answer), `${method} ${bare}`).toStrictEqual(answer);
}

/** What `/openapi.json` tells of the refusals of a route. */
const document = z.object({
  paths: z.record(
    z.string(),
    z.record(z.string(), z.object({ responses: z.record(z.string(), z.object({ content: z.unknown().optional() })) })),
  ),
});
const refusal = z.object({
  'application/problem+json': z.object({
    schema: z.object({
      allOf: z.tuple([
        z.unknown(),
        z.object({ properties: z.object({ code: z.object({ enum: z.array(z.string()) }) }) }),
      ]),
    }),
  }),
});

/** Doors that refuse as the programs of their callers read it. */
const HAS_ITS_OWN_FORM = /^\/(?:openai|v1\/oauth)\//;

/** What each route may refuse with, as `409 name_taken`, by the description of the API. */
export class Refusals {
  readonly #routes: readonly { pattern: RegExp; refusals: readonly string[] }[];

  constructor(description: unknown) {
    this.#routes = Object.entries(document.parse(description).paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { responses }]) => ({
        pattern: patternOf(`${method.toUpperCase()} ${path}`),
        refusals: Object.entries(responses)
          .filter(([status]) => Number(status) >= 400)
          .flatMap(([status, { content }]) => {
            if (HAS_ITS_OWN_FORM.test(path) && Number(status) < 500) return [];
            const { schema } = refusal.parse(content)['application/problem+json'];
            return schema.allOf[1].properties.code.enum.map((code) => `${status} ${code}`);
          }),
      })),
    );
  }

  /** Throws where a route refuses in a way that it does not declare. */
  check(method: string, path: string, status: number, code: string): void {
    const [bare = ''] = path.split('?');
    const found = this.#routes.find(({ pattern }) => pattern.test(`${method} ${bare}`));
    if (found !== undefined && !HAS_ITS_OWN_FORM.test(bare))
      expect(found.refusals, `${method} ${bare}`).toContain(`${status} ${code}`);
  }
}
