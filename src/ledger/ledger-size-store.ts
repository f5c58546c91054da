/**
 * Table `ledger_size`: what the mail and the delegations of a town come to. Triggers on both tables keep it, so no way of writing
 * one can forget it.
 */
export class LedgerSizeStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Bytes of JSON text of all texts, and of the room that is reserved for the results of open delegations. */
  bytes(): number {
    return this.#sql.exec<{ bytes: number }>('SELECT bytes FROM ledger_size').one().bytes;
  }
}
