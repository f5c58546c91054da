/** API keys: what people make for programs that call on their behalf. */
import { z } from 'zod';
import { keyIdSchema } from './ids.ts';

/** What a person's credential allows; each contains those before it. `read`: look. `chat`: also talk and answer. `admin`: all. */
export const PERSON_SCOPES = ['read', 'chat', 'admin'] as const;
export type PersonScope = (typeof PERSON_SCOPES)[number];

/** Whether a credential of this scope allows what needs that one. */
export const allowsScope = (given: PersonScope, needed: PersonScope): boolean =>
  PERSON_SCOPES.indexOf(given) >= PERSON_SCOPES.indexOf(needed);

/** How long a key may live, in days. */
export const MAX_KEY_DAYS = 365;
/** How long a key lives, in days, where its maker does not say so. */
export const DEFAULT_KEY_DAYS = 90;
/** Keys of one person that are neither over nor revoked. */
export const MAX_KEYS_PER_PERSON = 100;
/** The name that a person gives a key, in UTF-16 code units. */
export const MAX_KEY_NAME_UNITS = 80;

const time = z.iso.datetime();

/** A key as it is listed, also after its end: everything but its text. */
export const apiKeySchema = z.object({
  id: keyIdSchema,
  name: z.string(),
  scope: z.enum(PERSON_SCOPES),
  /** How the key begins, to tell it from others: the rest is stored nowhere. */
  prefix: z.string(),
  created_at: time,
  expires_at: time,
  revoked_at: time.nullable(),
});
export type ApiKeyView = z.infer<typeof apiKeySchema>;

/** The only answer that ever holds a key. */
export const newApiKeySchema = apiKeySchema.extend({ key: z.string() });
export type NewApiKey = z.infer<typeof newApiKeySchema>;
