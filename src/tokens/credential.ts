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

/** The columns that make it, in the order of a row: what a credential was before is in the same row, and is not read with it. */
export const CREDENTIAL_COLUMNS = `agent, minted, minted_at_ms, acked, acked_at_ms, in_use, min_gen, issued_at_ms, expires_at_ms, kid, lagging_gen,
  lagging_at_ms, reason, last_outcome, last_error, retry_at_ms, retry_tries, revoked_at_ms, cut_at_gen, failing_since_ms`;

/** A row of them. As a list: the platform takes twice as long to make an object of it. */
export type CredentialRow = [
  agent: AgentId,
  minted: number,
  mintedAtMs: number,
  acked: number,
  ackedAtMs: number | null,
  inUse: number,
  minGen: number,
  issuedAtMs: number | null,
  expiresAtMs: number | null,
  kid: string | null,
  laggingGen: number | null,
  laggingAtMs: number | null,
  reason: IssueReason | null,
  lastOutcome: string | null,
  lastError: string | null,
  retryAtMs: number | null,
  retryTries: number,
  revokedAtMs: number | null,
  cutAtGen: number | null,
  failingSinceMs: number | null,
];

/** The credential that a row holds. */
export function toCredential(row: CredentialRow): Credential {
  const [
    agent,
    minted,
    mintedAtMs,
    acked,
    ackedAtMs,
    inUse,
    minGen,
    issuedAtMs,
    expiresAtMs,
    kid,
    laggingGen,
    laggingAtMs,
    reason,
    lastOutcome,
    lastError,
    retryAtMs,
    retryTries,
    revokedAtMs,
    cutAtGen,
    failingSinceMs,
  ] = row;
  return {
    agent,
    minted,
    mintedAtMs,
    acked,
    ackedAtMs,
    inUse,
    minGen,
    issuedAtMs,
    expiresAtMs,
    kid,
    laggingGen,
    laggingAtMs,
    reason,
    lastOutcome,
    lastError,
    retryAtMs,
    retryTries,
    revokedAtMs,
    cutAtGen,
    failingSinceMs,
  };
}
