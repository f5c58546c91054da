/** What is stored of an agent's credential, and the row that holds it. */
import type { AgentId, IssueReason } from '#protocol';

/** An agent's credential as stored. Generations are 0 until they exist. */
export interface Credential {
  readonly agent: AgentId;
  /** The last generation allocated, and the last that the container or a call confirmed. */
  readonly minted: number;
  readonly mintedAtMs: number;
  readonly acked: number;
  readonly ackedAtMs: number | null;
  /** The highest generation that the agent called with. */
  readonly inUse: number;
  /** Calls below this are refused. */
  readonly minGen: number;
  /** Of the acked generation. */
  readonly issuedAtMs: number | null;
  readonly expiresAtMs: number | null;
  readonly kid: string | null;
  readonly laggingGen: number | null;
  readonly laggingAtMs: number | null;
  readonly reason: IssueReason | null;
  readonly lastOutcome: string | null;
  readonly lastError: string | null;
  readonly retryAtMs: number | null;
  readonly retryTries: number;
  readonly revokedAtMs: number | null;
  /** `min_gen` moves here once this generation is acked (force with `revoke_older`). */
  readonly cutAtGen: number | null;
  /** Since when no push or start of this agent came through, or null. */
  readonly failingSinceMs: number | null;
}

/** What is known of a generation once it is confirmed. */
export interface AckedToken {
  readonly gen: number;
  readonly kid: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** The columns of a row that make it; the facts are read apart. */
export type CredentialRow = {
  agent: AgentId;
  minted: number;
  minted_at_ms: number;
  acked: number;
  acked_at_ms: number | null;
  in_use: number;
  min_gen: number;
  issued_at_ms: number | null;
  expires_at_ms: number | null;
  kid: string | null;
  lagging_gen: number | null;
  lagging_at_ms: number | null;
  reason: IssueReason | null;
  last_outcome: string | null;
  last_error: string | null;
  retry_at_ms: number | null;
  retry_tries: number;
  revoked_at_ms: number | null;
  cut_at_gen: number | null;
  failing_since_ms: number | null;
};

/** Those columns: what a credential was before is in the same row, and is not read with it. */
export const CREDENTIAL_COLUMNS = `agent, minted, minted_at_ms, acked, acked_at_ms, in_use, min_gen, issued_at_ms, expires_at_ms, kid, lagging_gen,
  lagging_at_ms, reason, last_outcome, last_error, retry_at_ms, retry_tries, revoked_at_ms, cut_at_gen, failing_since_ms`;

/** The credential that a row holds. */
export function toCredential(row: CredentialRow): Credential {
  return {
    agent: row.agent,
    minted: row.minted,
    mintedAtMs: row.minted_at_ms,
    acked: row.acked,
    ackedAtMs: row.acked_at_ms,
    inUse: row.in_use,
    minGen: row.min_gen,
    issuedAtMs: row.issued_at_ms,
    expiresAtMs: row.expires_at_ms,
    kid: row.kid,
    laggingGen: row.lagging_gen,
    laggingAtMs: row.lagging_at_ms,
    reason: row.reason,
    lastOutcome: row.last_outcome,
    lastError: row.last_error,
    retryAtMs: row.retry_at_ms,
    retryTries: row.retry_tries,
    revokedAtMs: row.revoked_at_ms,
    cutAtGen: row.cut_at_gen,
    failingSinceMs: row.failing_since_ms,
  };
}
