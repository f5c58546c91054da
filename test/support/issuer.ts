/** An issuer with real keys, and the claims and orders of its tokens. */
import { newKey } from '../../src/tokens/key-edit.ts';
import { KeyRing } from '../../src/tokens/key-ring.ts';
import type { PrivateKey, PrivateKeySet } from '../../src/tokens/key-set.ts';
import type { AgentTokenOrder, Issuer } from '../../src/tokens/mint.ts';
import { agentId, townId } from './ids.ts';
import { AGENT_TOKEN_TTL_SECONDS, agentTokenClaims, type Claims } from './signing.ts';

/** The time of every test that needs one: noon of a day in the future. */
export const NOW_MS = Date.UTC(2030, 0, 1, 12);
export const NOW_S = NOW_MS / 1000;
export const PUBLIC_URL = 'https://reeve.example.com';

export interface TestIssuer extends Issuer {
  readonly keys: PrivateKeySet;
}

/** An issuer over these keys; by default one active key. */
export async function makeIssuer(keys?: readonly PrivateKey[]): Promise<TestIssuer> {
  const set = { keys: [...(keys ?? [await newKey('active')])] };
  return {
    keys: set,
    ring: await KeyRing.import(set),
    publicUrl: PUBLIC_URL,
    trustDomain: 'reeve.example.com',
    ttlSeconds: AGENT_TOKEN_TTL_SECONDS,
  };
}

/** An order for an agent's token, with what a test changes. */
export const orderOf = (changes: Partial<AgentTokenOrder> = {}): AgentTokenOrder => ({
  town: townId(1),
  agent: agentId(1),
  inc: 1,
  gen: 1,
  scopes: ['heartbeat', 'events'],
  ...changes,
});

/** The claims of a good agent token at `NOW_MS`, with what a test changes. */
export function agentClaims(changes: Claims = {}): Claims {
  const speaker = { town: townId(1), agent: agentId(1), inc: 1, gen: 1, scope: 'heartbeat events' };
  return agentTokenClaims({ publicUrl: PUBLIC_URL, nowMs: NOW_MS }, speaker, changes);
}

/** The key of a set that signs. */
export function activeKey({ keys }: PrivateKeySet): PrivateKey {
  const active = keys.find((key) => key.reeve_state === 'active');
  if (active === undefined) throw new Error('a set has an active key');
  return active;
}
