/** Tokens of agents that were verified here before, so that not each call of an agent costs a check of a signature. */
import { MAX_TOKEN_TTL_SECONDS } from '#protocol';
import { ok, type Result } from '#lib/result.ts';
import { sha256 } from '#lib/secret.ts';
import type { Issuer } from './mint.ts';
import { verifyAgentToken, type TokenRefusal, type VerifiedAgent } from './verify.ts';

interface Known {
  readonly issuer: Issuer;
  readonly agent: VerifiedAgent;
  /** When it was verified, and when it has to be again (ms). */
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * Verifies tokens, and remembers those that held until the ends of their lives: the keys of an issuer do not change, so that nothing
 * but the time can make one bad, and what an agent may do the town decides with each call (T11). By digest: the text of no token is
 * kept (T6). Bounded; the oldest go first.
 */
export class VerifiedTokens {
  readonly #most: number;
  readonly #known = new Map<string, Known>();

  /** `most`: tokens that are remembered. */
  constructor(most: number) {
    this.#most = most;
  }

  /** As `verifyAgentToken` does. Never rejects for a bad token. */
  async verify(issuer: Issuer, token: string, nowMs: number): Promise<Result<VerifiedAgent, TokenRefusal>> {
    const digest = await sha256(token);
    const known = this.#known.get(digest);
    if (known?.issuer === issuer && nowMs >= known.fromMs && nowMs < known.untilMs) return ok(known.agent);
    const verified = await verifyAgentToken(issuer, token, nowMs);
    this.#known.delete(digest);
    if (verified.ok) this.#remember(digest, issuer, verified.value, nowMs);
    return verified;
  }

  #remember(digest: string, issuer: Issuer, agent: VerifiedAgent, nowMs: number): void {
    const { iat, exp } = agent.claims;
    const untilMs = Math.min(exp, iat + MAX_TOKEN_TTL_SECONDS) * 1000;
    this.#known.set(digest, { issuer, agent, fromMs: nowMs, untilMs });
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#most && oldest !== undefined) this.#known.delete(oldest);
  }
}
