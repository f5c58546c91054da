/** What names a message that a chat frontend sends: clients send again by themselves, and each message is to count once. */
import { sha256 } from '#lib/secret.ts';
import { idempotencyKeyOf } from '../edge/idempotency-key.ts';

/** Reads a header of the request. */
export type Header = (name: string) => string | undefined;

/** `key`: its sender has a name for it, which always means this message. Otherwise `transcript` tells it from others, for a while. */
export interface MessageKey {
  readonly key: string | null;
  readonly transcript: { readonly digest: string; readonly isRetry: boolean } | null;
}

/** What clients call a message, in the order in which they count. */
const OWN_NAMES = ['idempotency-key', 'x-reeve-message-id'];
/** Open WebUI's ids: a retry has the same of both, and an answer that a person asks for anew another one of the second. */
const OPEN_WEBUI_PAIR = ['x-openwebui-user-message-id', 'x-openwebui-message-id'];
/** What tells one conversation of a frontend from another; `user` does not. */
const CONVERSATIONS = ['x-reeve-conversation', 'x-openwebui-chat-id'];

/** The key of a message: explicit, or made of the caller's key, the agent, the conversation and the whole transcript. Throws a `Refusal` for a name that is no key. */
export async function messageKeyOf(header: Header, model: string, messages: readonly unknown[]): Promise<MessageKey> {
  const own = OWN_NAMES.map((name) => filled(header, name)).find((name) => name !== null) ?? null;
  if (own !== null) return { key: idempotencyKeyOf(own, undefined), transcript: null };
  const pair = OPEN_WEBUI_PAIR.map((name) => filled(header, name));
  if (pair.every((id) => id !== null))
    return { key: `open-webui:${await sha256(JSON.stringify(pair))}`, transcript: null };
  const conversation = CONVERSATIONS.map((name) => filled(header, name));
  const caller = await sha256(header('authorization') ?? '');
  const digest = await sha256(JSON.stringify([caller, model, conversation, messages]));
  return { key: null, transcript: { digest, isRetry: Number(header('x-stainless-retry-count') ?? 0) > 0 } };
}

/** A header that says something: a frontend whose template knows no value sends an empty text, or the template. */
export function filled(header: Header, name: string): string | null {
  const text = header(name)?.trim() ?? '';
  return text === '' || text.startsWith('{{') ? null : text;
}
