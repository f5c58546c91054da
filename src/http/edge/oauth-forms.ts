/** What the OAuth routes are sent: forms, of which unknown parameters are ignored (RFC 6749, section 3.2). */
import { z } from '@hono/zod-openapi';
import { ACCESS_TOKEN_TYPE, EXCHANGE_GRANT, JWT_TYPE, audienceSchema } from '#protocol';
import { OauthRefusal } from './oauth-error.ts';

const parameter = z.string('must be sent once').min(1, 'is required');
/** One without a value counts as not sent. */
const optional = z.string('must be sent at most once').optional();
const repeatable = z.union([z.string(), z.array(z.string())]);

/** RFC 8693, section 2.1. Its lifetime is no parameter there, and none here. */
export const exchangeForm = z
  .object({
    grant_type: parameter.openapi({ description: EXCHANGE_GRANT }),
    subject_token: parameter.openapi({ description: "the agent's own token" }),
    subject_token_type: parameter.openapi({ description: `${ACCESS_TOKEN_TYPE}, or ${JWT_TYPE}` }),
    audience: repeatable.optional().openapi({ description: 'for whom; exactly one, which the town allows' }),
    requested_token_type: optional.openapi({ description: JWT_TYPE }),
    scope: optional.openapi({ description: 'not supported: invalid_scope' }),
    resource: repeatable.optional().openapi({ description: 'not supported: invalid_target' }),
    actor_token: optional.openapi({ description: 'not supported: invalid_request' }),
  })
  .openapi('TokenExchange', { description: 'Which token is exchanged, and for whom (RFC 8693).' });

/** RFC 7662, section 2.1, and RFC 7009, section 2.1. A hint is ignored: a token says itself what it is. */
export const tokenForm = z.object({ token: parameter, token_type_hint: optional }).openapi('PresentedToken', {
  description: 'The token that is asked about, or that is to end (RFC 7662, RFC 7009).',
});

/** The audience of an exchange that asks for nothing which is not supported. Throws an `OauthRefusal`. */
export function audienceOf(form: z.infer<typeof exchangeForm>): string {
  if (form.grant_type !== EXCHANGE_GRANT) throw new OauthRefusal('unsupported_grant_type', `Only ${EXCHANGE_GRANT}`);
  if (![ACCESS_TOKEN_TYPE, JWT_TYPE].includes(form.subject_token_type)) {
    throw new OauthRefusal('invalid_request', `subject_token_type must be ${ACCESS_TOKEN_TYPE} or ${JWT_TYPE}`);
  }
  if (![JWT_TYPE, '', undefined].includes(form.requested_token_type)) {
    throw new OauthRefusal('invalid_request', `requested_token_type must be ${JWT_TYPE}`);
  }
  if (isSent(form.actor_token)) throw new OauthRefusal('invalid_request', 'actor_token is not supported');
  if (isSent(form.scope)) throw new OauthRefusal('invalid_scope', 'A token for a third party has no scope');
  if (isSent(form.resource)) throw new OauthRefusal('invalid_target', 'resource is not supported; name one audience');
  const [audience, ...more] = [form.audience ?? []].flat();
  if (!isSent(audience)) throw new OauthRefusal('invalid_request', 'audience is required');
  const one = audienceSchema.safeParse(audience);
  if (more.length > 0 || !one.success) throw new OauthRefusal('invalid_target', 'Exactly one audience must be named');
  return one.data;
}

const isSent = (value: string | string[] | undefined): boolean => value !== undefined && value !== '';
