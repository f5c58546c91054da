/** Table `agent_tokens`: generations, outcomes and due times of each agent's credential. Never the text of a token (T6). */
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

type Row = {
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

/**
 * A confirmed generation (?1), known since ?2, issued at ?3, over at ?4, signed by ?5. One that is older than what is known moves
 * nothing; the newest that there is needs no other push.
 */
const ACKED = `acked_at_ms = IIF(acked < ?1, ?2, acked_at_ms), issued_at_ms = IIF(acked < ?1, ?3, issued_at_ms),
  expires_at_ms = IIF(acked < ?1, ?4, expires_at_ms), kid = IIF(acked < ?1, ?5, kid),
  failing_since_ms = IIF(acked < ?1, NULL, failing_since_ms),
  min_gen = IIF(acked < ?1 AND cut_at_gen <= ?1, MAX(min_gen, cut_at_gen), min_gen),
  cut_at_gen = IIF(acked < ?1 AND cut_at_gen <= ?1, NULL, cut_at_gen),
  retry_at_ms = IIF(minted <= ?1, NULL, retry_at_ms), retry_tries = IIF(minted <= ?1, 0, retry_tries),
  acked = MAX(acked, ?1)`;
const FAILING = 'failing_since_ms = COALESCE(failing_since_ms, ?)';

function ackedBindings(agent: AgentId, token: AckedToken, nowMs: number): SqlStorageValue[] {
  return [token.gen, nowMs, token.issuedAtMs, token.expiresAtMs, token.kid, agent];
}

/** Generations and times of each agent's tokens. The text of a token is not here (T6). */
export class TokenStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(agent: AgentId): void {
    this.#sql.exec('INSERT INTO agent_tokens (agent) VALUES (?)', agent);
  }

  /** Throws where there is none: every agent has one from its creation on. */
  get(agent: AgentId): Credential {
    return toCredential(this.#sql.exec<Row>('SELECT * FROM agent_tokens WHERE agent = ?', agent).one());
  }

  /** The next generation, stored before it is minted (T2), with the retry that repeats the push if it is not answered; null: none. */
  allocate(agent: AgentId, reason: IssueReason, nowMs: number, retryAtMs: number | null): number {
    return this.#sql
      .exec<{ minted: number }>(
        `UPDATE agent_tokens SET minted = minted + 1, minted_at_ms = ?, reason = ?, retry_at_ms = ?
         WHERE agent = ? RETURNING minted`,
        nowMs,
        reason,
        retryAtMs,
        agent,
      )
      .one().minted;
  }

  /** The agent called with a generation, which confirms it. Writes only where either is news; moves `min_gen` where a cut waits for it. */
  used(agent: AgentId, token: AckedToken, nowMs: number): void {
    this.#sql.exec(
      `UPDATE agent_tokens SET ${ACKED}, in_use = MAX(in_use, ?1) WHERE agent = ?6 AND (acked < ?1 OR in_use < ?1)`,
      ...ackedBindings(agent, token, nowMs),
    );
  }

  /**
   * A push brought a generation to the container, or found it there: its ack and what the push came to, in one write. None where the
   * agent called with it before the push was answered, and the last one came to the same.
   */
  pushed(agent: AgentId, token: AckedToken, outcome: string, nowMs: number): void {
    this.#sql.exec(
      `UPDATE agent_tokens SET ${ACKED}, last_outcome = ?7, last_error = NULL WHERE agent = ?6
       AND (acked < ?1 OR last_outcome IS NOT ?7 OR last_error IS NOT NULL
         OR minted <= ?1 AND (retry_at_ms IS NOT NULL OR retry_tries > 0))`,
      ...ackedBindings(agent, token, nowMs),
      outcome,
    );
  }

  lagging(agent: AgentId, gen: number, nowMs: number): void {
    this.#sql.exec('UPDATE agent_tokens SET lagging_gen = ?, lagging_at_ms = ? WHERE agent = ?', gen, nowMs, agent);
  }

  /** What the last push came to. */
  outcome(agent: AgentId, outcome: string, error: string | null): void {
    this.#sql.exec('UPDATE agent_tokens SET last_outcome = ?, last_error = ? WHERE agent = ?', outcome, error, agent);
  }

  /** What the last push came to, and nothing more is to be pushed for it. */
  closed(agent: AgentId, outcome: string, error: string | null): void {
    this.#sql.exec(
      `UPDATE agent_tokens SET last_outcome = ?, last_error = ?, retry_at_ms = NULL, retry_tries = 0 WHERE agent = ?`,
      outcome,
      error,
      agent,
    );
  }

  /** The last push did not come through, the `tries`-th in a row: when it is repeated, or null. */
  failed(agent: AgentId, outcome: string, error: string, retryAtMs: number | null, tries: number, nowMs: number): void {
    this.#sql.exec(
      `UPDATE agent_tokens SET last_outcome = ?, last_error = ?, retry_at_ms = ?, retry_tries = ?, ${FAILING}
       WHERE agent = ?`,
      outcome,
      error,
      retryAtMs,
      tries,
      nowMs,
      agent,
    );
  }

  /** A push or a start did not come through; the first of a row is remembered until the next ack. */
  failing(agent: AgentId, nowMs: number): void {
    this.#sql.exec(`UPDATE agent_tokens SET ${FAILING} WHERE agent = ?`, nowMs, agent);
  }

  /** Plans the next push, or clears the plan. Writes only what that changes. */
  retry(agent: AgentId, atMs: number | null, tries: number): void {
    this.#sql.exec(
      `UPDATE agent_tokens SET retry_at_ms = ?1, retry_tries = ?2
       WHERE agent = ?3 AND (retry_at_ms IS NOT ?1 OR retry_tries <> ?2)`,
      atMs,
      tries,
      agent,
    );
  }

  /** Agents whose retry is due, the longest waiting first. */
  retriesDue(nowMs: number, limit: number): AgentId[] {
    return this.#sql
      .exec<{ agent: AgentId }>(
        'SELECT agent FROM agent_tokens WHERE retry_at_ms <= ? ORDER BY retry_at_ms LIMIT ?',
        nowMs,
        limit,
      )
      .toArray()
      .map((row) => row.agent);
  }

  earliestRetry(): number | null {
    const query = 'SELECT MIN(retry_at_ms) AS at FROM agent_tokens WHERE retry_at_ms IS NOT NULL';
    return this.#sql.exec<{ at: number | null }>(query).one().at;
  }

  /** Nothing that is out is accepted any more, and nothing new is minted until `clearRevocation`. */
  revoke(agent: AgentId, nowMs: number): void {
    this.#sql.exec(
      `UPDATE agent_tokens SET min_gen = minted + 1, revoked_at_ms = ?, retry_at_ms = NULL, cut_at_gen = NULL
       WHERE agent = ?`,
      nowMs,
      agent,
    );
  }

  /** A person starts a revoked agent again. `min_gen` stays: what was revoked stays revoked. */
  clearRevocation(agent: AgentId): void {
    this.#sql.exec('UPDATE agent_tokens SET revoked_at_ms = NULL WHERE agent = ?', agent);
  }

  /** Once `gen` is acked, everything older is refused. */
  cutAt(agent: AgentId, gen: number): void {
    this.#sql.exec('UPDATE agent_tokens SET cut_at_gen = ? WHERE agent = ?', gen, agent);
  }
}

function toCredential(row: Row): Credential {
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
