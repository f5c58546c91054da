/** What a chat frontend sends, and what of it is the message: frontends send the whole transcript, and an agent has its own. */
import { z } from '@hono/zod-openapi';
import { MAX_MESSAGE_BYTES, jsonBytes, writtenText, TEXT_RULE } from '#protocol';
import { Refusal } from '../edge/problem.ts';

const entrySchema = z.looseObject({ role: z.string(), content: z.unknown().optional() });

/** Choices that oblige a model to call a tool of the frontend. An agent has tools of its own and calls no others. */
const forcesTool = (choice: unknown): boolean =>
  choice === 'required' || (typeof choice === 'object' && choice !== null);

/** A transcript, in order. */
export const entriesSchema = z.array(entrySchema).min(1);
export type Entries = z.infer<typeof entriesSchema>;

/** What a request has in each of OpenAI's APIs. */
export const requestFields = {
  model: z.string().max(256),
  stream: z.boolean().nullish(),
  n: z.number().max(1, 'must be 1: an agent works on a message once').nullish(),
  tool_choice: z
    .unknown()
    .refine((choice) => !forcesTool(choice), 'must not force a tool: an agent has its own')
    .optional(),
};

/** A chat completion as clients ask for it. What is not here is taken and has no effect: frontends send what they please. */
export const chatRequestSchema = z
  .looseObject({
    ...requestFields,
    messages: entriesSchema,
    stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  })
  .openapi('ChatRequest');
const partsSchema = z.array(z.looseObject({ type: z.string(), text: z.string().optional() }));
/** Parts of a message that are text, by their types in both APIs. */
const TEXT_PARTS = ['text', 'input_text'];

/**
 * The message in a transcript: what the user said since the assistant spoke last, in order. Texts of one message follow each other on
 * lines of their own, messages with an empty line between them. Throws a `Refusal` where there is none, where it is more than text,
 * and where it is too large.
 */
export function messageIn(entries: Entries, field: string): string {
  const from = entries.findLastIndex(({ role }) => role === 'assistant') + 1;
  const texts = entries.flatMap(({ role, content }, at) =>
    at < from || role !== 'user' ? [] : [textOf(content, `${field}.${at}.content`)],
  );
  const text = texts.filter((said) => said.trim() !== '').join('\n\n');
  if (text === '') throw refused(field, 'must end with something that the user said');
  if (!writtenText.safeParse(text).success) throw refused(field, TEXT_RULE);
  if (jsonBytes(text) > MAX_MESSAGE_BYTES) throw new Refusal('payload_too_large');
  return text;
}

function textOf(content: unknown, path: string): string {
  if (typeof content === 'string') return content;
  const parts = partsSchema.safeParse(content);
  if (!parts.success) throw refused(path, 'must be text');
  const texts = parts.data.map(({ type, text }, at) => {
    if (!TEXT_PARTS.includes(type) || text === undefined) throw refused(`${path}.${at}`, 'must be text');
    return text;
  });
  return texts.join('\n');
}

/** All text in the content of an entry, whatever else is in it. */
export function textIn(content: unknown): string {
  if (typeof content === 'string') return content;
  const parts = partsSchema.safeParse(content);
  return parts.success ? parts.data.map(({ text = '' }) => text).join('\n') : '';
}

function refused(path: string, message: string): Refusal {
  return new Refusal('invalid_request', { errors: [{ path, message }] });
}
