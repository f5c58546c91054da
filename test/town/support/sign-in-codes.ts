/** Codes of sign-in links, by what they are worth. */
import { env } from 'cloudflare:test';
import { SignInLinkStore } from '../../../src/directory/sign-in-link-store.ts';
import { drawSignInCode } from '../../../src/people/sign-in-link.ts';
import { lab } from './lab.ts';

/** Made with the scene, and good for nothing; `digest` is that of a code that waits. */
export type Codes = Readonly<Record<'used' | 'expired' | 'digest', string>>;

/** A code in the directory, past the edge, for so long (ms). */
export async function codeFor(lastsMs: number): Promise<{ readonly code: string; readonly digest: string }> {
  const drawn = await drawSignInCode();
  const now = lab.clock.now();
  const link = { digest: drawn.digest, person: 'dev', scope: 'read', parent: null, endsAtMs: null } as const;
  await new SignInLinkStore(env.DIRECTORY).add({ ...link, expiresAtMs: now + lastsMs }, 1000, now);
  return drawn;
}

export async function wornCodes(): Promise<Codes> {
  const used = await codeFor(60_000);
  await new SignInLinkStore(env.DIRECTORY).take(used.digest, lab.clock.now());
  return { used: used.code, expired: (await codeFor(0)).code, digest: (await codeFor(60_000)).digest };
}
