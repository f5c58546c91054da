/** Errors as the clients of this door read them: `{"error": {message, type, param, code}}`, with the codes of the problem documents. */
import { createMiddleware } from 'hono/factory';
import { z } from '@hono/zod-openapi';
import { problemSchema, type Problem } from '#protocol';
import type { EdgeEnv } from '../edge/edge.ts';

/** An error as OpenAI's clients parse it; in a stream it is one `data:` line. */
export const openAiErrorSchema = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
  })
  .openapi('OpenAiError');
export type OpenAiError = z.infer<typeof openAiErrorSchema>;

/** Clients send again what was answered 409, 429 or 5xx. Where that can come to nothing else, they are asked not to. */
const NEVER_AGAIN = ['state_conflict', 'idempotency_key_reused', 'not_supported'];

/**
 * Turns every problem document that a route of this door, or what stands around it, answers into an error of this shape. Status and
 * headers stay. Whatever is not found here is what `model` names: nothing else in a request names a thing.
 */
export const inOpenAiShape = createMiddleware<EdgeEnv>(async (c, next) => {
  await next();
  if (c.res.headers.get('content-type') !== 'application/problem+json') return;
  const problem = problemSchema.parse(await c.res.json());
  const headers = new Headers(c.res.headers);
  headers.set('content-type', 'application/json');
  if (NEVER_AGAIN.includes(problem.code)) headers.set('x-should-retry', 'false');
  const { status } = c.res;
  // Unset first: Hono would merge the headers of the two.
  c.res = undefined;
  c.res = new Response(JSON.stringify(errorOf(problem)), { status, headers });
});

function errorOf({ status, title, code, detail, errors = [] }: Problem): OpenAiError {
  const faults = errors.map(({ path, message }) => `${path} ${message}`.trim());
  const message = detail ?? (faults.length === 0 ? title : `${title}: ${faults.join('; ')}`);
  if (code === 'not_found') {
    return { error: { message: 'There is no such model, or it is not yours.', ...NO_MODEL } };
  }
  return { error: { message, type: typeOf(status), param: errors[0]?.path ?? null, code } };
}

const NO_MODEL = { type: 'invalid_request_error', param: 'model', code: 'model_not_found' } as const;

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 429) return 'rate_limit_error';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

const BAD = { description: 'An error', content: { 'application/json': { schema: openAiErrorSchema } } };

/** The good answer of a route of this door, and its error for everything else. */
export const openAiAnswers = <T extends z.ZodType>(schema: T, description: string) => ({
  200: { description, content: { 'application/json': { schema } } },
  default: BAD,
});

/** The same where a client may ask for a stream. */
export const openAiStreams = <T extends z.ZodType>(schema: T, description: string) => ({
  200: { description, content: { 'application/json': { schema }, 'text/event-stream': { schema: z.string() } } },
  default: BAD,
});
