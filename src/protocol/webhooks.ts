/** Webhooks: where a town posts its events to. Signed as Standard Webhooks says (docs/webhooks.md). */
import { z } from 'zod';
import { EVENT_DATA, WEBHOOK_END_REASONS } from './event-data.ts';
import { webhookIdSchema } from './ids.ts';

/** Webhooks of one town. */
export const MAX_WEBHOOKS_PER_TOWN = 10;
/** The address of a webhook, in UTF-16 code units. */
export const MAX_WEBHOOK_URL_UNITS = 2048;
/** What a person writes of a webhook, in UTF-16 code units. */
export const MAX_WEBHOOK_DESCRIPTION_UNITS = 200;
/** Filters of one webhook. */
export const MAX_EVENT_FILTERS = 32;
/** After a rotation both secrets sign for so long (s): a receiver is given the new one meanwhile. */
export const WEBHOOK_OVERLAP_SECONDS = 86_400;

/** What is told of webhooks is posted to none of them: a receiver that fails would make an event each time, for itself. */
const OWN_EVENTS = 'reeve.webhook.';

/** Whether one of the filters lets an event of this type through: a type, or how types begin with `.*` behind it. */
export function isWanted(filters: readonly string[], type: string): boolean {
  if (type.startsWith(OWN_EVENTS)) return false;
  return filters.some((filter) => (filter.endsWith('.*') ? type.startsWith(filter.slice(0, -1)) : type === filter));
}

/** A type of event, or the beginning of some with `.*` behind it; one that no event passes is a slip. */
export const eventFilterSchema = z
  .string()
  .refine(
    (filter) => Object.keys(EVENT_DATA).some((type) => isWanted([filter], type)),
    'must be a type of event like reeve.turn.finished, or how types begin, like reeve.turn.*; those of webhooks are not posted',
  );

const time = z.iso.datetime();

/** A webhook and how it fares. */
export const webhookSchema = z.object({
  id: webhookIdSchema,
  url: z.string(),
  description: z.string(),
  events: z.array(z.string()),
  enabled: z.boolean(),
  created_at: time,
  /** Until then what is posted is signed with the secret before the last rotation too. */
  previous_secret_until: time.nullable(),
  /** `seq` of the event up to which everything that it wants was taken, as far as is stored. */
  posted_seq: z.number().int().min(0),
  last_posted_at: time.nullable(),
  /** Since when nothing is taken, what came of the last try, and when the next one is. */
  failing_since: time.nullable(),
  last_error: z.string().nullable(),
  next_try_at: time.nullable(),
  /** Why the town stopped posting by itself, until a person enables it again. */
  disabled: z.object({ why: z.enum(WEBHOOK_END_REASONS), at: time }).nullable(),
});
export type WebhookView = z.infer<typeof webhookSchema>;

/** The only answers that hold a secret: to the making of a webhook, and to the rotation of its secret. */
export const webhookWithSecretSchema = webhookSchema.extend({ secret: z.string() });

/** What came of a test: whether the receiver took it, and if not why. */
export const webhookTestSchema = z.object({ taken: z.boolean(), error: z.string().nullable() });
export type WebhookTest = z.infer<typeof webhookTestSchema>;
