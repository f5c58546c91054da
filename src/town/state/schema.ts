/** Tables of a town. Append steps, never change one: running towns hold the old ones. Described in docs/storage.md. */
import type { Migration } from '#lib/migrate.ts';
import { FIRST_STEPS } from './first-schema.ts';

export const TOWN_SCHEMA: readonly Migration[] = [
  ...FIRST_STEPS,
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
  {
    id: '0015-withdrawals',
    statements: [
      `CREATE TABLE withdrawals (
         message TEXT PRIMARY KEY, agent TEXT NOT NULL, inc INTEGER NOT NULL, since_ms INTEGER NOT NULL,
         due_at_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      'CREATE INDEX withdrawals_by_due ON withdrawals (due_at_ms)',
      'CREATE INDEX withdrawals_by_agent ON withdrawals (agent, since_ms)',
    ],
  },
  {
    id: '0016-given-up',
    statements: [
      // Retired agents that a lost container never confirmed: read when it is back.
      "CREATE INDEX agents_left ON agents (container) WHERE state = 'retired' AND session IS NOT NULL",
      // Since when a town is being deleted: containers that do not confirm are waited for no longer than a bound.
      'ALTER TABLE town ADD COLUMN removal_since_ms INTEGER',
      'UPDATE town SET removal_since_ms = removal_due_at_ms',
    ],
  },
  {
    id: '0017-refused-containers',
    statements: ['ALTER TABLE containers ADD COLUMN refused_since_ms INTEGER'],
  },
  {
    id: '0018-failures',
    statements: [
      `CREATE TABLE failures (
         work TEXT NOT NULL, subject TEXT NOT NULL, since_ms INTEGER NOT NULL, tries INTEGER NOT NULL,
         next_at_ms INTEGER NOT NULL, PRIMARY KEY (work, subject)
       ) STRICT`,
    ],
  },
  {
    id: '0019-queue-retries',
    statements: [
      // The wait after a failed delivery is that of the whole queue, and so is the size that passes.
      'ALTER TABLE queues ADD COLUMN tries INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE queues ADD COLUMN retry_at_ms INTEGER',
      'ALTER TABLE queues ADD COLUMN at_most INTEGER',
      // The message that was refused last although it travelled alone, and how often.
      'ALTER TABLE queues ADD COLUMN rejected TEXT',
      'ALTER TABLE queues ADD COLUMN rejections INTEGER NOT NULL DEFAULT 0',
    ],
  },
  {
    id: '0020-lifts',
    statements: [
      // How often in a row a sign of life lifted the hold of this container, and from when on the next one may.
      'ALTER TABLE containers ADD COLUMN lifts INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE containers ADD COLUMN lift_from_ms INTEGER NOT NULL DEFAULT 0',
      // It was held back, and no sign of life has been seen since.
      'ALTER TABLE containers ADD COLUMN missed INTEGER NOT NULL DEFAULT 0',
    ],
  },
  {
    id: '0021-plans',
    statements: [
      // The messages of an agent that are not over, in their order: its key stays what it is while a message moves on.
      'CREATE INDEX messages_open ON messages (agent, seq) WHERE finished_at_ms IS NULL',
      'DROP INDEX messages_unfinished',
      "CREATE INDEX delegations_by_open_maker ON delegations (from_agent) WHERE state = 'open'",
      'CREATE INDEX delegations_to_announce ON delegations (from_agent) WHERE announce_at_ms IS NOT NULL',
    ],
  },
  {
    id: '0022-event-seq',
    statements: [
      // The same table without AUTOINCREMENT, which writes the last number into a table of its own with each event. The newest event
      // is never pruned, so no number comes twice.
      `CREATE TABLE events_next (
         seq INTEGER PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL,
         at_ms INTEGER NOT NULL, data TEXT NOT NULL, total_bytes INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      `INSERT INTO events_next (seq, type, subject, at_ms, data, total_bytes)
       SELECT seq, type, subject, at_ms, data, total_bytes FROM events`,
      'DROP TABLE events',
      'ALTER TABLE events_next RENAME TO events',
    ],
  },
  {
    id: '0023-runtimes',
    statements: [
      // JSON of what runs an agent; null, or no row: the built-in one. With it why its process came to nothing last.
      `CREATE TABLE runtimes (
         agent TEXT PRIMARY KEY, runtime TEXT, failure_reason TEXT, failure_detail TEXT, failed_at_ms INTEGER
       ) STRICT`,
    ],
  },
  {
    id: '0024-permissions',
    statements: [
      `CREATE TABLE permissions (
         seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, inc INTEGER NOT NULL,
         message TEXT NOT NULL, attempt INTEGER NOT NULL, title TEXT NOT NULL, kind TEXT NOT NULL, input TEXT NOT NULL,
         options TEXT NOT NULL, state TEXT NOT NULL, requested_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
         option_id TEXT, answered_by TEXT, answered_at_ms INTEGER, resolved_by TEXT, resolved_at_ms INTEGER,
         due_at_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      'CREATE INDEX permissions_by_due ON permissions (due_at_ms) WHERE due_at_ms IS NOT NULL',
      "CREATE INDEX permissions_open ON permissions (agent, seq) WHERE state IN ('open', 'answered')",
    ],
  },
];
