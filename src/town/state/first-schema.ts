/** The steps of a town's tables up to the bytes of events; schema.ts goes on from here. Never changed: running towns hold them. */
import type { Migration } from '#lib/migrate.ts';

/** No turn has begun with it; and: it is over. */
const WAITS = "state IN ('queued', 'delivered')";
const FINISHED = "state IN ('done', 'failed', 'cancelled')";

/** Append-only, like the rest of the schema. */
export const FIRST_STEPS: readonly Migration[] = [
  {
    id: '0001-core',
    statements: [
      `CREATE TABLE town (
         one INTEGER PRIMARY KEY CHECK (one = 1),
         id TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
         created_at_ms INTEGER NOT NULL, valid_from_ms INTEGER NOT NULL, sweep_at_ms INTEGER NOT NULL
       ) STRICT`,
      `CREATE TABLE agents (
         id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, scopes TEXT NOT NULL, state TEXT NOT NULL,
         inc INTEGER NOT NULL, container INTEGER NOT NULL, session TEXT, process_id INTEGER,
         created_at_ms INTEGER NOT NULL, last_heard_at_ms INTEGER, reported INTEGER NOT NULL DEFAULT 0,
         start_due_at_ms INTEGER, start_tries INTEGER NOT NULL DEFAULT 0,
         end_due_at_ms INTEGER, end_tries INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      "CREATE UNIQUE INDEX agents_by_live_name ON agents (name) WHERE state NOT IN ('retired')",
      'CREATE INDEX agents_by_start ON agents (start_due_at_ms) WHERE start_due_at_ms IS NOT NULL',
      'CREATE INDEX agents_by_end ON agents (end_due_at_ms) WHERE end_due_at_ms IS NOT NULL',
      `CREATE TABLE agent_tokens (
         agent TEXT PRIMARY KEY,
         minted INTEGER NOT NULL DEFAULT 0, minted_at_ms INTEGER NOT NULL DEFAULT 0,
         acked INTEGER NOT NULL DEFAULT 0, acked_at_ms INTEGER, in_use INTEGER NOT NULL DEFAULT 0,
         min_gen INTEGER NOT NULL DEFAULT 0, issued_at_ms INTEGER, expires_at_ms INTEGER, kid TEXT,
         lagging_gen INTEGER, lagging_at_ms INTEGER,
         reason TEXT, last_outcome TEXT, last_error TEXT,
         retry_at_ms INTEGER, retry_tries INTEGER NOT NULL DEFAULT 0, revoked_at_ms INTEGER, cut_at_gen INTEGER
       ) STRICT`,
      'CREATE INDEX agent_tokens_by_retry ON agent_tokens (retry_at_ms) WHERE retry_at_ms IS NOT NULL',
      `CREATE TABLE messages (
         id TEXT PRIMARY KEY, agent TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL,
         content TEXT NOT NULL, sender TEXT NOT NULL,
         attempt INTEGER NOT NULL DEFAULT 1, tries INTEGER NOT NULL DEFAULT 0, deliver_at_ms INTEGER,
         created_at_ms INTEGER NOT NULL, delivered_at_ms INTEGER, finished_at_ms INTEGER,
         reply TEXT, truncated INTEGER NOT NULL DEFAULT 0, error TEXT,
         UNIQUE (agent, seq)
       ) STRICT`,
      "CREATE INDEX messages_by_due ON messages (deliver_at_ms) WHERE state = 'queued'",
      "CREATE INDEX messages_unfinished ON messages (agent, state) WHERE state IN ('queued', 'delivered', 'working')",
      `CREATE TABLE events (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, subject TEXT NOT NULL,
         at_ms INTEGER NOT NULL, data TEXT NOT NULL
       ) STRICT`,
      `CREATE TABLE containers (
         idx INTEGER PRIMARY KEY, session TEXT,
         held_until_ms INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      `CREATE TABLE sweeps (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, started_at_ms INTEGER NOT NULL, finished_at_ms INTEGER NOT NULL,
         due INTEGER NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL, skipped INTEGER NOT NULL, results TEXT NOT NULL
       ) STRICT`,
    ],
  },
  {
    id: '0002-weather',
    statements: [
      // The key set that the town last worked with: another one makes tokens of other keys due at once.
      "ALTER TABLE town ADD COLUMN key_set TEXT NOT NULL DEFAULT ''",
      // Since when pushes or starts of this agent fail, for the town's health.
      'ALTER TABLE agent_tokens ADD COLUMN failing_since_ms INTEGER',
    ],
  },
  {
    id: '0003-stream',
    statements: [
      `CREATE TABLE tickets (
         digest TEXT PRIMARY KEY, person TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL
       ) STRICT`,
    ],
  },
  {
    id: '0004-renewals',
    statements: [
      // After a restore: when the container is asked for a new session again, until it has one.
      'ALTER TABLE containers ADD COLUMN renew_due_at_ms INTEGER',
      'ALTER TABLE containers ADD COLUMN renew_tries INTEGER NOT NULL DEFAULT 0',
    ],
  },
  {
    id: '0005-told',
    // When the directory thinks that this town is due: only what moved is published again.
    statements: ['ALTER TABLE town ADD COLUMN told_due_at_ms INTEGER'],
  },
  {
    id: '0006-liveness',
    statements: [
      'ALTER TABLE agents ADD COLUMN watched_from_ms INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE agents ADD COLUMN progress_at_ms INTEGER',
      'ALTER TABLE agents ADD COLUMN look_at_ms INTEGER',
      'ALTER TABLE agents ADD COLUMN stalled_why TEXT',
      'ALTER TABLE agents ADD COLUMN stalled_at_ms INTEGER',
      'ALTER TABLE agents ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE agents ADD COLUMN revive_at_ms INTEGER',
      'CREATE INDEX agents_by_look ON agents (look_at_ms) WHERE look_at_ms IS NOT NULL',
      'CREATE INDEX agents_by_revival ON agents (revive_at_ms) WHERE revive_at_ms IS NOT NULL',
      // An agent that is at work when this step comes is checked in the first run after it, and monitored from then on.
      "UPDATE agents SET look_at_ms = COALESCE(last_heard_at_ms, created_at_ms) WHERE state IN ('working', 'stalled')",
      'ALTER TABLE containers ADD COLUMN probe_at_ms INTEGER',
      'ALTER TABLE containers ADD COLUMN probe_tries INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE containers ADD COLUMN unheard_since_ms INTEGER',
      'ALTER TABLE containers ADD COLUMN lost_at_ms INTEGER',
    ],
  },
  {
    id: '0007-ledger',
    statements: [
      `CREATE TABLE mail (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
         from_agent TEXT NOT NULL, to_agent TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER NOT NULL,
         sent_at_ms INTEGER NOT NULL, read_at_ms INTEGER
       ) STRICT`,
      'CREATE INDEX mail_unread ON mail (to_agent, seq) WHERE read_at_ms IS NULL',
      'CREATE INDEX mail_by_sender ON mail (from_agent, sent_at_ms)',
      'CREATE INDEX mail_by_age ON mail (sent_at_ms)',
      `CREATE TABLE delegations (
         seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
         from_agent TEXT NOT NULL, to_agent TEXT NOT NULL, parent TEXT, depth INTEGER NOT NULL,
         state TEXT NOT NULL, task TEXT NOT NULL, created_at_ms INTEGER NOT NULL, deadline_at_ms INTEGER NOT NULL,
         finished_at_ms INTEGER, result TEXT, error TEXT,
         announce_at_ms INTEGER, announced_at_ms INTEGER, warned INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      "CREATE INDEX delegations_open ON delegations (deadline_at_ms) WHERE state = 'open'",
      "CREATE INDEX delegations_by_target ON delegations (to_agent) WHERE state = 'open'",
      'CREATE INDEX delegations_by_maker ON delegations (from_agent, created_at_ms)',
      'CREATE INDEX delegations_unannounced ON delegations (announce_at_ms) WHERE announce_at_ms IS NOT NULL',
      'CREATE INDEX delegations_announced ON delegations (from_agent, announced_at_ms)',
      'CREATE INDEX delegations_by_end ON delegations (finished_at_ms) WHERE finished_at_ms IS NOT NULL',
    ],
  },
  {
    id: '0008-removal',
    // Not null: the town is being deleted, and no person is let in; then what is left of it is tried next.
    statements: ['ALTER TABLE town ADD COLUMN removal_due_at_ms INTEGER'],
  },
  {
    id: '0009-outbox',
    statements: [
      'ALTER TABLE messages ADD COLUMN idempotency_key TEXT',
      'ALTER TABLE messages ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE messages ADD COLUMN works INTEGER NOT NULL DEFAULT 0',
      'UPDATE messages SET bytes = length(CAST(json_quote(content) AS BLOB))',
      'CREATE UNIQUE INDEX messages_by_key ON messages (sender, idempotency_key) WHERE idempotency_key IS NOT NULL',
      'CREATE INDEX messages_by_end ON messages (finished_at_ms) WHERE finished_at_ms IS NOT NULL',
      // The row '' is the sum of all agents.
      `CREATE TABLE queues (
         agent TEXT PRIMARY KEY, last_seq INTEGER NOT NULL DEFAULT 0, waiting INTEGER NOT NULL DEFAULT 0,
         bytes INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      `INSERT INTO queues (agent, last_seq, waiting, bytes, finished)
       SELECT agent, MAX(seq), SUM(${WAITS}), SUM((${WAITS}) * bytes), SUM(${FINISHED}) FROM messages GROUP BY agent`,
      `INSERT INTO queues (agent, waiting, bytes, finished)
       SELECT '', COALESCE(SUM(waiting), 0), COALESCE(SUM(bytes), 0), COALESCE(SUM(finished), 0) FROM queues`,
      // Counted where messages are written, so that no statement can forget to.
      `CREATE TRIGGER queues_add AFTER INSERT ON messages BEGIN
         INSERT INTO queues (agent) VALUES (NEW.agent) ON CONFLICT (agent) DO NOTHING;
         UPDATE queues SET last_seq = MAX(last_seq, NEW.seq), waiting = waiting + (NEW.${WAITS}),
         bytes = bytes + (NEW.${WAITS}) * NEW.bytes, finished = finished + (NEW.${FINISHED})
         WHERE agent IN (NEW.agent, '');
       END`,
      `CREATE TRIGGER queues_move AFTER UPDATE OF state ON messages
       WHEN (OLD.${WAITS}) <> (NEW.${WAITS}) OR (OLD.${FINISHED}) <> (NEW.${FINISHED}) BEGIN
         UPDATE queues SET waiting = waiting + (NEW.${WAITS}) - (OLD.${WAITS}),
         bytes = bytes + ((NEW.${WAITS}) - (OLD.${WAITS})) * NEW.bytes,
         finished = finished + (NEW.${FINISHED}) - (OLD.${FINISHED}) WHERE agent IN (NEW.agent, '');
       END`,
      `CREATE TRIGGER queues_drop AFTER DELETE ON messages BEGIN
         UPDATE queues SET waiting = waiting - (OLD.${WAITS}), bytes = bytes - (OLD.${WAITS}) * OLD.bytes,
         finished = finished - (OLD.${FINISHED}) WHERE agent IN (OLD.agent, '');
       END`,
    ],
  },
  {
    id: '0010-read-mail',
    statements: ['CREATE INDEX mail_by_reading ON mail (read_at_ms) WHERE read_at_ms IS NOT NULL'],
  },
  {
    id: '0011-at-work',
    statements: [
      // Retired agents stay in the table for good: which are at work, and which live where, is found without reading each of
      // them.
      "CREATE INDEX agents_at_work ON agents (state) WHERE state IN ('working', 'stalled')",
      "CREATE INDEX agents_by_container ON agents (container) WHERE state NOT IN ('retired')",
    ],
  },
  {
    id: '0012-kept-bytes',
    statements: [
      // Of a finished message, and in the row '' of the whole town. What ended before this step counts as nothing: to measure it
      // would read every text that the town holds. It is the oldest, and goes first.
      'ALTER TABLE messages ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE queues ADD COLUMN kept_bytes INTEGER NOT NULL DEFAULT 0',
      `CREATE TRIGGER kept_add AFTER INSERT ON messages WHEN NEW.kept_bytes > 0 BEGIN
         UPDATE queues SET kept_bytes = kept_bytes + NEW.kept_bytes WHERE agent = '';
       END`,
      `CREATE TRIGGER kept_move AFTER UPDATE OF kept_bytes ON messages WHEN NEW.kept_bytes <> OLD.kept_bytes BEGIN
         UPDATE queues SET kept_bytes = kept_bytes + NEW.kept_bytes - OLD.kept_bytes WHERE agent = '';
       END`,
      `CREATE TRIGGER kept_drop AFTER DELETE ON messages WHEN OLD.kept_bytes > 0 BEGIN
         UPDATE queues SET kept_bytes = kept_bytes - OLD.kept_bytes WHERE agent = '';
       END`,
    ],
  },
  {
    id: '0013-ledger-size',
    statements: [
      // Of a delegation that is older than this step: nothing. It goes within 30 days.
      'ALTER TABLE delegations ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0',
      'CREATE TABLE ledger_size (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT',
      'INSERT INTO ledger_size (one, bytes) SELECT 1, COALESCE(SUM(bytes), 0) FROM mail',
      `CREATE TRIGGER mail_size_add AFTER INSERT ON mail BEGIN
         UPDATE ledger_size SET bytes = bytes + NEW.bytes;
       END`,
      `CREATE TRIGGER mail_size_drop AFTER DELETE ON mail BEGIN
         UPDATE ledger_size SET bytes = bytes - OLD.bytes;
       END`,
      `CREATE TRIGGER delegations_size_add AFTER INSERT ON delegations BEGIN
         UPDATE ledger_size SET bytes = bytes + NEW.bytes;
       END`,
      `CREATE TRIGGER delegations_size_move AFTER UPDATE OF bytes ON delegations BEGIN
         UPDATE ledger_size SET bytes = bytes + NEW.bytes - OLD.bytes;
       END`,
      `CREATE TRIGGER delegations_size_drop AFTER DELETE ON delegations BEGIN
         UPDATE ledger_size SET bytes = bytes - OLD.bytes;
       END`,
    ],
  },
  {
    id: '0014-event-bytes',
    // What all events of the town up to and with this one have come to, so that the size of what is kept is a difference of two.
    statements: ['ALTER TABLE events ADD COLUMN total_bytes INTEGER NOT NULL DEFAULT 0'],
  },
];
