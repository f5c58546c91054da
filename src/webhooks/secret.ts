/**
 * Secrets of webhooks, which are stored nowhere: each is made, whenever it is needed, of a key of the deployment (`WEBHOOK_KEYS`) and of
 * what the webhook's row says (docs/decisions/0009-webhook-secrets.md). Signatures as Standard Webhooks has them.
 */
import type { WebhookId } from '#protocol';
import { base64url, hmac, randomBytes, type Secret } from '#lib/secret.ts';

/** What a secret is made of beside the key: none of it is secret. */
export interface SecretRef {
  /** The name of the key, made of the key itself. */
  readonly key: string;
  readonly salt: string;
}

const KEY_NAME_CHARS = 16;
const SALT_BYTES = 16;

const nameOf = async (key: Secret): Promise<string> =>
  base64url(await key.hmac('reeve webhook key')).slice(0, KEY_NAME_CHARS);
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));

const derive = (key: Secret, webhook: string, salt: string): Promise<Uint8Array<ArrayBuffer>> =>
  key.hmac(`reeve webhook secret ${webhook} ${salt}`);

/** A new secret of a webhook, under the first key: its text for the one answer that shows it. Null: there is no key. */
export async function drawSecret(
  keys: readonly Secret[],
  webhook: string,
): Promise<{ readonly ref: SecretRef; readonly text: string } | null> {
  const [key] = keys;
  if (key === undefined) return null;
  const salt = base64url(randomBytes(SALT_BYTES));
  const text = `whsec_${base64(await derive(key, webhook, salt))}`;
  return { ref: { key: await nameOf(key), salt }, text };
}

/** The secret that `ref` tells of; null: its key is not among those of the deployment any more. */
export async function secretOf(
  keys: readonly Secret[],
  webhook: WebhookId,
  ref: SecretRef,
): Promise<Uint8Array<ArrayBuffer> | null> {
  for (const key of keys) if ((await nameOf(key)) === ref.key) return derive(key, webhook, ref.salt);
  return null;
}

/** One part of the header `webhook-signature`. Source: Standard Webhooks, "Signature scheme". */
export async function signatureOf(
  secret: Uint8Array<ArrayBuffer>,
  id: string,
  atSeconds: number,
  body: string,
): Promise<string> {
  return `v1,${base64(await hmac(secret, `${id}.${atSeconds}.${body}`))}`;
}
