/**
 * Table `withdrawals`: cancelled messages that the control server may hold, because a delivery of them was sent and not
 * answered. Each is a row until the control server has confirmed that it does not run it, or until the incarnation that it
 * was sent to is gone.
 */
import type { AgentId, MessageId } from '#protocol';
import { firstAgents } from './first-agents.ts';

/** One cancelled message that is to be taken back from its control server. */
export interface Withdrawal {
  readonly message: MessageId;
  readonly agent: AgentId;
  /** The incarnation that the message was sent to. */
  readonly inc: number;
  readonly sinceMs: number;
  /** How often it was asked for in a row without an answer. */
  readonly tries: number;
}

type Row = { message: MessageId; agent: AgentId; inc: number; since_ms: number; due_at_ms: number; tries: number };

/** Withdrawals that are not confirmed yet. */
export class WithdrawalStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  add({ message, agent, inc, sinceMs }: Omit<Withdrawal, 'tries'>, dueAtMs: number): void {
    this.#sql.exec(
      'INSERT INTO withdrawals (message, agent, inc, since_ms, due_at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      message,
      agent,
      inc,
      sinceMs,
      dueAtMs,
    );
  }

  /** The agent's oldest, or null. */
  first(agent: AgentId): Withdrawal | null {
    return this.#many('SELECT * FROM withdrawals WHERE agent = ? ORDER BY since_ms LIMIT 1', agent)[0] ?? null;
  }

  /** The next try for all of the agent's: they go the same way. */
  plan(agent: AgentId, dueAtMs: number, tries: number): void {
    this.#sql.exec('UPDATE withdrawals SET due_at_ms = ?, tries = ? WHERE agent = ?', dueAtMs, tries, agent);
  }

  /** The control server has confirmed it. */
  confirmed(message: MessageId): void {
    this.#sql.exec('DELETE FROM withdrawals WHERE message = ?', message);
  }

  /** What held the agent's messages is gone, or about to end. */
  forget(agent: AgentId): void {
    this.#sql.exec('DELETE FROM withdrawals WHERE agent = ?', agent);
  }

  /** Agents with one that is due, the longest waiting first. */
  due(nowMs: number, limit: number): AgentId[] {
    const due = 'SELECT agent FROM withdrawals WHERE due_at_ms <= ? ORDER BY due_at_ms';
    return firstAgents(this.#sql.exec<{ agent: AgentId }>(due, nowMs), limit);
  }

  earliest(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT MIN(due_at_ms) AS at FROM withdrawals').one().at;
  }

  #many(query: string, ...bindings: SqlStorageValue[]): Withdrawal[] {
    return this.#sql
      .exec<Row>(query, ...bindings)
      .toArray()
      .map(({ message, agent, inc, since_ms: sinceMs, tries }) => ({ message, agent, inc, sinceMs, tries }));
  }
}
