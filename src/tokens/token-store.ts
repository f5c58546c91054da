/** Table `agent_tokens`: generations, outcomes and due times of each agent's credential, and what it was before. Never the text of a token (T6). */
import { MAX_AGENTS_PER_TOWN, type AgentId, type IssueReason } from '#protocol';
import { KeptRows } from '#lib/kept-rows.ts';
import { MAX_FACTS_UNITS, ackFact, cutFact, endFact, issueFact, revokeFact, useFact } from './credential-facts.ts';
import {
  CREDENTIAL_COLUMNS,
  toCredential,
  type AckedToken,
  type Credential,
  type CredentialRow,
} from './credential.ts';

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
const CREDENTIAL = `SELECT ${CREDENTIAL_COLUMNS} FROM agent_tokens WHERE agent = ?`;
const FAILING = 'failing_since_ms = COALESCE(failing_since_ms, ?)';
/** Puts a fact before the others, in the write that it is a fact of: the oldest go. */
const FACT = `facts = substr(? || facts, 1, ${MAX_FACTS_UNITS})`;
const ISSUED = FACT.replace('?', "'i' || (minted + 1) || ?");

function ackedBindings(agent: AgentId, token: AckedToken, nowMs: number): SqlStorageValue[] {
  return [token.gen, nowMs, token.issuedAtMs, token.expiresAtMs, token.kid, agent];
}

/** What a push came to, where that is no ack. */
interface PushEnd {
  readonly outcome: string;
  readonly error: string | null;
}
/** The same of one that is tried again. */
export type PushFailed = PushEnd & { readonly error: string };

/** When the next push follows, null: none does; and how many have failed in a row. */
interface PushRetry {
  readonly atMs: number | null;
  readonly tries: number;
}

/** Generations and times of each agent's tokens. The text of a token is not here (T6). */
export class TokenStore {
  readonly #sql: SqlStorage;
  readonly #kept = new KeptRows<AgentId, Credential>(2 * MAX_AGENTS_PER_TOWN);

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add(agent: AgentId): void {
    this.#sql.exec('INSERT INTO agent_tokens (agent) VALUES (?)', agent);
  }

  /** Throws where there is none: every agent has one from its creation on. */
  get(agent: AgentId): Credential {
    return this.#kept.get(agent, () => {
      const [row] = [...this.#sql.exec(CREDENTIAL, agent).raw<CredentialRow>()];
      if (row === undefined) throw new Error(`no credential of ${agent}`);
      return toCredential(row);
    });
  }

  /** What was written since the last commit was rolled back, or the table is gone. */
  forget(): void {
    this.#kept.forgetAll();
  }

  /** What was written down of its tokens, for `generationsIn`. */
  facts(agent: AgentId): string {
    return this.#sql.exec<{ facts: string }>('SELECT facts FROM agent_tokens WHERE agent = ?', agent).one().facts;
  }

  /** The next generation, stored before it is minted (T2), with the retry that repeats the push if it is not answered; null: none. */
  allocate(agent: AgentId, inc: number, reason: IssueReason, nowMs: number, retryAtMs: number | null): number {
    const allocate = `UPDATE agent_tokens SET minted = minted + 1, minted_at_ms = ?, reason = ?, retry_at_ms = ?, ${ISSUED}
       WHERE agent = ? RETURNING minted`;
    const fact = issueFact(inc, reason, nowMs);
    this.#kept.forget(agent);
    return this.#sql.exec<{ minted: number }>(allocate, nowMs, reason, retryAtMs, fact, agent).one().minted;
  }

  /** The agent called with a generation, which confirms it. Writes only where either is news; moves `min_gen` where a cut waits for it. */
  used(agent: AgentId, token: AckedToken, nowMs: number): void {
    this.#write(
      agent,
      `UPDATE agent_tokens SET ${ACKED}, in_use = MAX(in_use, ?1), ${FACT.replace('?', 'IIF(acked < ?1, ?7, ?8)')}
       WHERE agent = ?6 AND (acked < ?1 OR in_use < ?1)`,
      ...ackedBindings(agent, token, nowMs),
      useFact(token.gen, nowMs, token.expiresAtMs),
      useFact(token.gen, nowMs),
    );
  }

  /**
   * A push brought a generation to the container, or found it there: its ack and what the push came to, in one write. None where the
   * agent called with it before the push was answered, and the last one came to the same.
   */
  pushed(agent: AgentId, token: AckedToken, outcome: string, nowMs: number): void {
    this.#write(
      agent,
      `UPDATE agent_tokens SET ${ACKED}, last_outcome = ?7, last_error = NULL, ${FACT.replace('?', '?8')} WHERE agent = ?6
       AND (acked < ?1 OR last_outcome IS NOT ?7 OR last_error IS NOT NULL
         OR minted <= ?1 AND (retry_at_ms IS NOT NULL OR retry_tries > 0))`,
      ...ackedBindings(agent, token, nowMs),
      outcome,
      ackFact(token.gen, outcome, token.expiresAtMs, nowMs),
    );
  }

  lagging(agent: AgentId, gen: number, nowMs: number): void {
    this.#write(agent, 'UPDATE agent_tokens SET lagging_gen = ?, lagging_at_ms = ? WHERE agent = ?', gen, nowMs, agent);
  }

  /** A start came to this before there was a token for it. */
  outcome(agent: AgentId, outcome: string, error: string | null): void {
    this.#write(
      agent,
      'UPDATE agent_tokens SET last_outcome = ?, last_error = ? WHERE agent = ?',
      outcome,
      error,
      agent,
    );
  }

  /** The container fetched this generation itself: it is confirmed by the first call with it. */
  pulled(agent: AgentId, gen: number, nowMs: number): void {
    const pulled = `UPDATE agent_tokens SET last_outcome = 'pulled', last_error = NULL, ${FACT} WHERE agent = ?`;
    this.#write(agent, pulled, endFact(gen, 'pulled', null, nowMs), agent);
  }

  /** What the push of a generation came to, and nothing more is to be pushed for it. */
  closed(agent: AgentId, gen: number, { outcome, error }: PushEnd, nowMs: number): void {
    this.#write(
      agent,
      `UPDATE agent_tokens SET last_outcome = ?, last_error = ?, retry_at_ms = NULL, retry_tries = 0, ${FACT}
       WHERE agent = ?`,
      outcome,
      error,
      endFact(gen, outcome, error, nowMs),
      agent,
    );
  }

  /** The push of a generation did not come through, the `tries`-th in a row: when it is repeated, or null. */
  failed(agent: AgentId, gen: number, end: PushFailed, retry: PushRetry, nowMs: number): void {
    this.#write(
      agent,
      `UPDATE agent_tokens SET last_outcome = ?, last_error = ?, retry_at_ms = ?, retry_tries = ?, ${FAILING}, ${FACT}
       WHERE agent = ?`,
      end.outcome,
      end.error,
      retry.atMs,
      retry.tries,
      nowMs,
      endFact(gen, end.outcome, end.error, nowMs),
      agent,
    );
  }

  /** A push or a start did not come through; the first of a row is remembered until the next ack. */
  failing(agent: AgentId, nowMs: number): void {
    this.#write(agent, `UPDATE agent_tokens SET ${FAILING} WHERE agent = ?`, nowMs, agent);
  }

  /** Plans the next push, or clears the plan. Writes only what that changes. */
  retry(agent: AgentId, atMs: number | null, tries: number): void {
    this.#write(
      agent,
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
    this.#write(
      agent,
      `UPDATE agent_tokens SET min_gen = minted + 1, revoked_at_ms = ?, retry_at_ms = NULL, cut_at_gen = NULL,
       ${FACT} WHERE agent = ?`,
      nowMs,
      revokeFact(nowMs),
      agent,
    );
  }

  /** A person starts a revoked agent again. `min_gen` stays: what was revoked stays revoked. */
  clearRevocation(agent: AgentId): void {
    this.#write(agent, 'UPDATE agent_tokens SET revoked_at_ms = NULL WHERE agent = ?', agent);
  }

  /** With its agent. */
  remove(agent: AgentId): void {
    this.#write(agent, 'DELETE FROM agent_tokens WHERE agent = ?', agent);
  }

  /** Once `gen` is acked, everything older is refused. */
  cutAt(agent: AgentId, gen: number): void {
    this.#write(agent, `UPDATE agent_tokens SET cut_at_gen = ?, ${FACT} WHERE agent = ?`, gen, cutFact(gen), agent);
  }

  #write(agent: AgentId, query: string, ...bindings: SqlStorageValue[]): void {
    this.#kept.forget(agent);
    this.#sql.exec(query, ...bindings);
  }
}
