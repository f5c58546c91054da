/** Table `session`: the one session of one container. The secret itself is never stored, only its digest. */
import type { BootId, SessionId } from '#protocol';
import type { Migration } from '#lib/migrate.ts';

/** The session as this object knows it. */
export interface SessionRecord {
  readonly session: SessionId;
  readonly boot: BootId;
  /** Fences out every older session of this container. */
  readonly epoch: number;
  /** base64url SHA-256 of the secret that the control server shows when it pulls. */
  readonly secretDigest: string;
  /** Whether the control server confirmed it. */
  readonly answered: boolean;
}

/** Steps of an AgentContainer's database. Only appended to: objects that were made earlier have run those before (decision 8). */
export const LINK_SCHEMA: readonly Migration[] = [
  {
    id: '0001-session',
    statements: [
      `CREATE TABLE session (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         session TEXT NOT NULL, boot TEXT NOT NULL, epoch INTEGER NOT NULL, secret_digest TEXT NOT NULL,
         answered INTEGER NOT NULL
       ) STRICT`,
    ],
  },
  {
    id: '0002-refusals',
    statements: [
      `CREATE TABLE refusals (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         session TEXT NOT NULL, in_a_row INTEGER NOT NULL, renewals INTEGER NOT NULL, renewed_at_ms INTEGER
       ) STRICT`,
    ],
  },
  {
    id: '0003-activity',
    statements: [
      `CREATE TABLE activity (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         started_at_ms INTEGER NOT NULL, used_at_ms INTEGER NOT NULL, ending_at_ms INTEGER
       ) STRICT`,
    ],
  },
];

type Row = { session: SessionId; boot: BootId; epoch: number; secret_digest: string; answered: number };

/** At most one session; a new one replaces it. */
export class SessionStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(): SessionRecord | null {
    const row = this.#sql.exec<Row>('SELECT * FROM session').toArray()[0];
    if (row === undefined) return null;
    return {
      session: row.session,
      boot: row.boot,
      epoch: row.epoch,
      secretDigest: row.secret_digest,
      answered: row.answered === 1,
    };
  }

  /** Written before the handshake is sent: whatever the control server may hold afterwards is known here. */
  begin(session: Omit<SessionRecord, 'answered'>): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO session (one, session, boot, epoch, secret_digest, answered) VALUES (1, ?, ?, ?, ?, 0)',
      session.session,
      session.boot,
      session.epoch,
      session.secretDigest,
    );
  }

  /** The opening that should have replaced this session was refused: it is the one that holds, with every epoch used so far behind it. */
  keep({ session, boot, secretDigest }: SessionRecord, epoch: number): void {
    this.begin({ session, boot, epoch, secretDigest });
    this.answered(session);
  }

  answered(session: SessionId): void {
    this.#sql.exec('UPDATE session SET answered = 1 WHERE session = ?', session);
  }

  /** The control server no longer holds it: the next use needs a handshake. */
  lost(session: SessionId): void {
    this.#sql.exec('UPDATE session SET answered = 0 WHERE session = ?', session);
  }
}
