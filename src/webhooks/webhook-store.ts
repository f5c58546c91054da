/** Table `webhooks`: where a town posts events to, and how far each has come. Ten rows at most. */
import { isWanted, type EventType, type WebhookEndReason, type WebhookId } from '#protocol';
import { parseJson } from '#lib/json.ts';
import type { SecretRef } from './secret.ts';
import type { Webhook, WebhookOrder } from './webhook.ts';

type Row = {
  id: WebhookId;
  url: string;
  description: string;
  filters: string;
  created_at_ms: number;
  salt: string;
  key: string;
  old_salt: string | null;
  old_key: string | null;
  old_until_ms: number | null;
  cursor: number;
  due_at_ms: number | null;
  tries: number;
  failing_since_ms: number | null;
  last_error: string | null;
  posted_at_ms: number | null;
  enabled: number;
  ended_why: WebhookEndReason | null;
  ended_at_ms: number | null;
};

/**
 * After an event the webhooks that want it are due so much later (ms), should the object die: it posts at once itself. As long as a post
 * may take, and a margin.
 */
export const LEASE_MS = 15_000;

/**
 * The rows as this object has them, which alone writes them: every event of a town, and every plan of its alarm, asks for them, and a town
 * without webhooks pays nothing for that.
 */
export class WebhookStore {
  readonly #sql: SqlStorage;
  #known: readonly Webhook[] | undefined;
  readonly #fresh = new Set<WebhookId>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** In the order of their making. */
  list(): readonly Webhook[] {
    this.#known ??= this.#sql.exec<Row>('SELECT * FROM webhooks ORDER BY created_at_ms, id').toArray().map(toWebhook);
    return this.#known;
  }

  get(id: string): Webhook | null {
    return this.list().find((webhook) => webhook.id === id) ?? null;
  }

  /** The rows are read again: what was written to them since was rolled back, or taken away with the town. */
  forget(): void {
    this.#known = undefined;
  }

  /** It gets what happens from here on. */
  add(id: WebhookId, order: WebhookOrder, secret: SecretRef, head: number, nowMs: number): void {
    this.#write(
      `INSERT INTO webhooks (id, url, description, filters, created_at_ms, salt, key, cursor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      order.url,
      order.description,
      JSON.stringify(order.events),
      nowMs,
      secret.salt,
      secret.key,
      head,
    );
  }

  describe(id: WebhookId, { url, description, events }: WebhookOrder): void {
    const query = 'UPDATE webhooks SET url = ?, description = ?, filters = ? WHERE id = ?';
    this.#write(query, url, description, JSON.stringify(events), id);
  }

  /** Goes on after `cursor`, at once. */
  enable(id: WebhookId, cursor: number, nowMs: number): void {
    this.#write(
      `UPDATE webhooks SET enabled = 1, ended_why = NULL, ended_at_ms = NULL, tries = 0, failing_since_ms = NULL, last_error = NULL,
         cursor = ?, due_at_ms = ? WHERE id = ?`,
      cursor,
      nowMs + LEASE_MS,
      id,
    );
    this.#fresh.add(id);
  }

  /** Stops at `cursor`: by a person, or with `why` by the town itself. */
  disable(id: WebhookId, cursor: number, why: WebhookEndReason | null, nowMs: number): void {
    this.#write(
      'UPDATE webhooks SET enabled = 0, ended_why = ?, ended_at_ms = ?, cursor = ?, due_at_ms = NULL WHERE id = ?',
      why,
      why === null ? null : nowMs,
      cursor,
      id,
    );
  }

  /** The secret before signs beside the new one until then. */
  rotate(id: WebhookId, secret: SecretRef, untilMs: number): void {
    this.#write(
      'UPDATE webhooks SET old_salt = salt, old_key = key, old_until_ms = ?, salt = ?, key = ? WHERE id = ?',
      untilMs,
      secret.salt,
      secret.key,
      id,
    );
  }

  remove(id: WebhookId): void {
    this.#write('DELETE FROM webhooks WHERE id = ?', id);
  }

  removeAll(): void {
    this.#write('DELETE FROM webhooks');
  }

  /**
   * An event was appended, in its transaction: who wants it, and had everything, is due. Whatever lies before the event was posted or is
   * not wanted, so the cursor moves up to it: nothing is read twice.
   */
  appended(type: EventType, seq: number, nowMs: number): void {
    for (const { id, enabled, dueAtMs, events } of this.list()) {
      if (!enabled || dueAtMs !== null || !isWanted(events, type)) continue;
      this.#write('UPDATE webhooks SET cursor = ?, due_at_ms = ? WHERE id = ?', seq - 1, nowMs + LEASE_MS, id);
      this.#fresh.add(id);
    }
  }

  /** Those that became due since the last call: they are posted to now. In memory only; after a crash their due times bring them back. */
  takeFresh(): WebhookId[] {
    const fresh = [...this.#fresh];
    this.#fresh.clear();
    return fresh;
  }

  /**
   * Everything up to `cursor` was taken, the last of it at `postedAtMs`, or is not wanted (null). It goes on at `dueAtMs`, or has everything
   * (null).
   */
  advance(id: WebhookId, cursor: number, dueAtMs: number | null, postedAtMs: number | null): void {
    this.#write(
      `UPDATE webhooks SET cursor = MAX(cursor, ?), due_at_ms = ?, posted_at_ms = COALESCE(?, posted_at_ms),
         tries = 0, failing_since_ms = NULL, last_error = NULL WHERE id = ?`,
      cursor,
      dueAtMs,
      postedAtMs,
      id,
    );
  }

  /** What follows `cursor` was not taken; it is tried again at `retryAtMs`. */
  failed(id: WebhookId, cursor: number, error: string, retryAtMs: number, nowMs: number): void {
    this.#write(
      `UPDATE webhooks SET cursor = MAX(cursor, ?), due_at_ms = ?, tries = tries + 1,
         failing_since_ms = COALESCE(failing_since_ms, ?), last_error = ? WHERE id = ?`,
      cursor,
      retryAtMs,
      nowMs,
      error,
      id,
    );
  }

  /** Moves its due time, if it is due at all. */
  plan(id: WebhookId, dueAtMs: number): void {
    this.#write('UPDATE webhooks SET due_at_ms = ? WHERE id = ? AND due_at_ms IS NOT NULL', dueAtMs, id);
  }

  due(nowMs: number): WebhookId[] {
    return this.list().flatMap(({ id, dueAtMs }) => (dueAtMs !== null && dueAtMs <= nowMs ? [id] : []));
  }

  earliest(): number | null {
    const times = this.list().flatMap(({ dueAtMs }) => dueAtMs ?? []);
    return times.length === 0 ? null : Math.min(...times);
  }

  #write(query: string, ...bindings: SqlStorageValue[]): void {
    this.forget();
    this.#sql.exec(query, ...bindings);
  }
}

function toWebhook(row: Row): Webhook {
  const filters = parseJson(row.filters);
  const { old_salt: salt, old_key: key, old_until_ms: untilMs, ended_why: why, ended_at_ms: atMs } = row;
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    // A broken row wants nothing: no event of the town fails on it.
    events: Array.isArray(filters) ? filters.filter((filter) => typeof filter === 'string') : [],
    createdAtMs: row.created_at_ms,
    secret: { salt: row.salt, key: row.key },
    previous: salt === null || key === null || untilMs === null ? null : { salt, key, untilMs },
    cursor: row.cursor,
    dueAtMs: row.due_at_ms,
    tries: row.tries,
    failingSinceMs: row.failing_since_ms,
    lastError: row.last_error,
    postedAtMs: row.posted_at_ms,
    enabled: row.enabled === 1,
    ended: why === null || atMs === null ? null : { why, atMs },
  };
}
