/**
 * Table `exchanged_tokens`: what agents have out at third parties, by `jti` and until it expires; never the text of a token (T6). A
 * token that has no row here is over: expired, revoked, or from before the database was put back.
 */
import type { AgentId } from '#protocol';

/** One token that is out, with the generation of the agent's own token that it was exchanged for. */
export interface ExchangedToken {
  readonly jti: string;
  readonly agent: AgentId;
  readonly inc: number;
  readonly gen: number;
  readonly expiresAtMs: number;
}

type Row = { jti: string; agent: AgentId; inc: number; gen: number; expires_at_ms: number };

/** Tokens for third parties that are not over. Synchronous. */
export class ExchangedTokenStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /**
   * Adds one; `full`: the agent has `max` out already. Those that expired go first, of all agents. One that is there is not added
   * again: the platform may bring a call twice.
   */
  add(token: ExchangedToken, max: number, nowMs: number): 'added' | 'known' | 'full' {
    this.#sql.exec('DELETE FROM exchanged_tokens WHERE expires_at_ms <= ?', nowMs);
    if (this.get(token.jti, nowMs) !== null) return 'known';
    const out = 'SELECT COUNT(*) AS n FROM exchanged_tokens WHERE agent = ?';
    if (this.#sql.exec<{ n: number }>(out, token.agent).one().n >= max) return 'full';
    this.#sql.exec(
      'INSERT INTO exchanged_tokens (jti, agent, inc, gen, expires_at_ms) VALUES (?, ?, ?, ?, ?)',
      token.jti,
      token.agent,
      token.inc,
      token.gen,
      token.expiresAtMs,
    );
    return 'added';
  }

  /** The token of this `jti`, while it is out. */
  get(jti: string, nowMs: number): ExchangedToken | null {
    const row = this.#sql
      .exec<Row>('SELECT * FROM exchanged_tokens WHERE jti = ? AND expires_at_ms > ?', jti, nowMs)
      .toArray()[0];
    if (row === undefined) return null;
    return { jti: row.jti, agent: row.agent, inc: row.inc, gen: row.gen, expiresAtMs: row.expires_at_ms };
  }

  /** It is over. */
  remove(jti: string): void {
    this.#sql.exec('DELETE FROM exchanged_tokens WHERE jti = ?', jti);
  }
}
