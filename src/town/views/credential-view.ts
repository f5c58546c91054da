/** The credential of an agent over time, as people see it. Pure. */
import type { CredentialView } from '#protocol';
import { timestamp } from '#lib/clock.ts';
import { generationsIn, type Generation } from '../../tokens/credential-facts.ts';
import type { RefusedCalls } from '../../tokens/refused-call-store.ts';

/** @param validFromMs tokens that were issued before are refused since */
export function credentialView(facts: string, refused: readonly RefusedCalls[], validFromMs: number): CredentialView {
  return { items: generationsIn(facts, validFromMs).map(generationView), refusals: refused.map(refusedView) };
}

const generationView = (one: Generation): CredentialView['items'][number] => ({
  generation: one.gen,
  incarnation: one.inc,
  reason: one.reason,
  issued_at: timestamp(one.issuedAtMs),
  acked_at: timestamp(one.ackedAtMs),
  first_used_at: timestamp(one.firstUsedAtMs),
  expires_at: timestamp(one.expiresAtMs),
  outcome: one.outcome,
  error: one.error,
  revoked_at: timestamp(one.revokedAtMs),
});

const refusedView = ({ reason, gen, atMs, lastAtMs, count }: RefusedCalls): CredentialView['refusals'][number] => ({
  at: timestamp(atMs),
  last_at: timestamp(lastAtMs),
  count,
  reason,
  generation: gen,
});
