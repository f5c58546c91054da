/** A link by which a person signs in once. Its code is in the fragment, which a browser sends to no server; only its digest is stored. */
import type { KeyId, PersonScope } from '#protocol';
import { base64url, randomBytes, sha256 } from '#lib/secret.ts';

/** A link as it is stored. */
export interface SignInLink {
  /** SHA-256 of the code, base64url. */
  readonly digest: string;
  readonly person: string;
  /** Of the key that it is good for. */
  readonly scope: PersonScope;
  /** The key that made it, with which the key that it is good for ends; null: another credential did. */
  readonly parent: KeyId | null;
  /** When the credential that made it ends, and so the key at the latest, in ms; null: it has no end. */
  readonly endsAtMs: number | null;
  /** It is good for nothing from here on, in ms. */
  readonly expiresAtMs: number;
}

/** 256 bits. */
const CODE_BYTES = 32;

/** A new code, and what is stored of it. */
export async function drawSignInCode(): Promise<{ readonly code: string; readonly digest: string }> {
  const code = base64url(randomBytes(CODE_BYTES));
  return { code, digest: await sha256(code) };
}

/** The address that a person opens. */
export const signInUrl = (publicUrl: string, code: string): string => `${publicUrl}/#sign-in=${code}`;
