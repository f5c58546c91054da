/** What the town tells people of an agent's credential over time: what was issued, and what was refused. Never the text of a token (T6). */
import { z } from 'zod';
import { ISSUE_REASONS } from './event-data.ts';
import { TERMINAL_CODES } from './wire-errors.ts';

const time = z.iso.datetime();
const count = z.number().int().min(0);

/** One token of an agent: why it was issued, and what became of it. */
export const generationSchema = z.object({
  generation: count,
  incarnation: count,
  reason: z.enum(ISSUE_REASONS),
  issued_at: time,
  acked_at: time.nullable().describe('when its container, or the first call with it, confirmed it; null: nothing did'),
  first_used_at: time.nullable().describe('when the agent first called with it; null: it did not'),
  expires_at: time.nullable().describe('null: nothing confirmed it'),
  outcome: z
    .string()
    .nullable()
    .describe('what its push came to; in_use: the agent called with it before that was known; null: nothing is known'),
  error: z.string().nullable(),
  revoked_at: time.nullable().describe('since when it is refused although it may not have expired'),
});
export type GenerationView = z.infer<typeof generationSchema>;

/** Why a call of an agent is refused, by the reasons that the town's log has too. */
export const CALL_REFUSAL_REASONS = [
  ...TERMINAL_CODES,
  'token_expired',
  'incarnation_ahead',
  'generation_ahead',
  'generation_cut',
  'before_valid_from',
  'missing_scope',
  'too_many_calls',
] as const;
export type CallRefusalReason = (typeof CALL_REFUSAL_REASONS)[number];

/** Calls with one token that were refused for one reason. */
export const refusedCallsSchema = z.object({
  at: time.describe('the first'),
  last_at: time,
  count,
  reason: z.enum(CALL_REFUSAL_REASONS),
  generation: count,
});
export type RefusedCallsView = z.infer<typeof refusedCallsSchema>;

/** The credential of an agent over time, the newest first: about the last 72 tokens, and what its calls were refused for. */
export const credentialSchema = z.object({ items: z.array(generationSchema), refusals: z.array(refusedCallsSchema) });
export type CredentialView = z.infer<typeof credentialSchema>;
