/** Tables of a town. Append steps, never change one: running towns hold the old ones. Described in docs/storage.md. */
import type { Migration } from '#lib/migrate.ts';
import { FIRST_STEPS } from './first-schema.ts';

const AGENT_COLUMNS = `id, name, role, scopes, state, inc, container, session, process_id, created_at_ms, last_heard_at_ms, reported,
  start_due_at_ms, start_tries, end_due_at_ms, end_tries, watched_from_ms, progress_at_ms, look_at_ms, stalled_why, stalled_at_ms,
  restarts, revive_at_ms, retired`;

/** All steps in order; the stored ids of a town are a prefix of it. */
export const TOWN_SCHEMA: readonly Migration[] = [
  ...FIRST_STEPS,
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
      // How often in a row a sign of life lifted the backoff of this container, and from when on the next one may.
      'ALTER TABLE containers ADD COLUMN lifts INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE containers ADD COLUMN lift_from_ms INTEGER NOT NULL DEFAULT 0',
      // The town backed off from it, and no sign of life has been seen since.
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
  {
    id: '0025-live-agents',
    statements: [
      // Whether an agent is retired, apart from its state: an index of those that live, over the state, is written with each move.
      'ALTER TABLE agents ADD COLUMN retired INTEGER NOT NULL DEFAULT 0',
      "UPDATE agents SET retired = 1 WHERE state = 'retired'",
      // The same table, in which the names of live agents are kept apart by that column.
      `CREATE TABLE agents_next (
         id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, scopes TEXT NOT NULL, state TEXT NOT NULL,
         inc INTEGER NOT NULL, container INTEGER NOT NULL, session TEXT, process_id INTEGER,
         created_at_ms INTEGER NOT NULL, last_heard_at_ms INTEGER, reported INTEGER NOT NULL DEFAULT 0,
         start_due_at_ms INTEGER, start_tries INTEGER NOT NULL DEFAULT 0,
         end_due_at_ms INTEGER, end_tries INTEGER NOT NULL DEFAULT 0,
         watched_from_ms INTEGER NOT NULL DEFAULT 0, progress_at_ms INTEGER, look_at_ms INTEGER,
         stalled_why TEXT, stalled_at_ms INTEGER, restarts INTEGER NOT NULL DEFAULT 0, revive_at_ms INTEGER,
         retired INTEGER NOT NULL DEFAULT 0
       ) STRICT`,
      `INSERT INTO agents_next (${AGENT_COLUMNS}) SELECT ${AGENT_COLUMNS} FROM agents`,
      'CREATE UNIQUE INDEX agents_live ON agents_next (name) WHERE retired = 0',
      'DROP TABLE agents',
      'ALTER TABLE agents_next RENAME TO agents',
      'CREATE INDEX agents_by_start ON agents (start_due_at_ms) WHERE start_due_at_ms IS NOT NULL',
      'CREATE INDEX agents_by_end ON agents (end_due_at_ms) WHERE end_due_at_ms IS NOT NULL',
      'CREATE INDEX agents_by_revival ON agents (revive_at_ms) WHERE revive_at_ms IS NOT NULL',
      // Who is at work, and, in its order, when they are looked at next: only an agent at work is.
      "CREATE INDEX agents_at_work ON agents (look_at_ms) WHERE state IN ('working', 'stalled')",
      'CREATE INDEX agents_by_container ON agents (container) WHERE retired = 0',
      "CREATE INDEX agents_left ON agents (container) WHERE state = 'retired' AND session IS NOT NULL",
      `CREATE TRIGGER agents_retire AFTER UPDATE OF state ON agents WHEN NEW.state = 'retired' AND NEW.retired = 0 BEGIN
         UPDATE agents SET retired = 1 WHERE id = NEW.id;
       END`,
    ],
  },
  {
    id: '0026-sweep-seq',
    statements: [
      // The same table without AUTOINCREMENT, as with events: the newest sweep is never forgotten.
      `CREATE TABLE sweeps_next (
         seq INTEGER PRIMARY KEY, started_at_ms INTEGER NOT NULL, finished_at_ms INTEGER NOT NULL,
         due INTEGER NOT NULL, ok INTEGER NOT NULL, failed INTEGER NOT NULL, skipped INTEGER NOT NULL, results TEXT NOT NULL
       ) STRICT`,
      `INSERT INTO sweeps_next (seq, started_at_ms, finished_at_ms, due, ok, failed, skipped, results)
       SELECT seq, started_at_ms, finished_at_ms, due, ok, failed, skipped, results FROM sweeps`,
      'DROP TABLE sweeps',
      'ALTER TABLE sweeps_next RENAME TO sweeps',
    ],
  },
  {
    id: '0027-exchanged-tokens',
    statements: [
      // JSON of the audiences for which agents may exchange their tokens.
      "ALTER TABLE town ADD COLUMN token_audiences TEXT NOT NULL DEFAULT '[]'",
      `CREATE TABLE exchanged_tokens (
         jti TEXT PRIMARY KEY, agent TEXT NOT NULL, inc INTEGER NOT NULL, gen INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL
       ) STRICT`,
      'CREATE INDEX exchanged_by_end ON exchanged_tokens (expires_at_ms)',
      'CREATE INDEX exchanged_by_agent ON exchanged_tokens (agent)',
    ],
  },
  {
    id: '0028-transcripts',
    statements: [
      `CREATE TABLE transcripts (
         sender TEXT NOT NULL, digest TEXT NOT NULL, message TEXT NOT NULL, at_ms INTEGER NOT NULL, answered_at_ms INTEGER,
         PRIMARY KEY (sender, digest)
       ) STRICT`,
      'CREATE INDEX transcripts_by_age ON transcripts (at_ms)',
    ],
  },
  {
    id: '0029-members',
    statements: [
      `CREATE TABLE members (
         person TEXT PRIMARY KEY, role TEXT NOT NULL, since_ms INTEGER NOT NULL, added_by TEXT
       ) STRICT`,
      "INSERT INTO members (person, role, since_ms) SELECT owner, 'owner', created_at_ms FROM town",
      // Of the list of members: it grows with each change, and is sent to the directory until that has it (null).
      'ALTER TABLE town ADD COLUMN members_revision INTEGER NOT NULL DEFAULT 0',
      'ALTER TABLE town ADD COLUMN members_due_at_ms INTEGER',
    ],
  },
  {
    id: '0030-webhooks',
    statements: [
      // `cursor`: seq of the event up to which everything was posted, or is not wanted. `salt` and `key`: what its secret is made of,
      // and those of the secret before, which signs beside it for a while.
      `CREATE TABLE webhooks (
         id TEXT PRIMARY KEY, url TEXT NOT NULL, description TEXT NOT NULL, filters TEXT NOT NULL, created_at_ms INTEGER NOT NULL,
         salt TEXT NOT NULL, key TEXT NOT NULL, old_salt TEXT, old_key TEXT, old_until_ms INTEGER,
         cursor INTEGER NOT NULL, due_at_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0, failing_since_ms INTEGER,
         last_error TEXT, posted_at_ms INTEGER, enabled INTEGER NOT NULL DEFAULT 1, ended_why TEXT, ended_at_ms INTEGER
       ) STRICT`,
    ],
  },
  {
    id: '0031-container-times',
    statements: [
      // When its session was taken into use, and since when it is known not to run, for people.
      'ALTER TABLE containers ADD COLUMN opened_at_ms INTEGER',
      'ALTER TABLE containers ADD COLUMN asleep_since_ms INTEGER',
    ],
  },
  {
    id: '0032-restores',
    statements: [
      // The newest mark of a restore, in the directory, that this state knows of.
      'ALTER TABLE town ADD COLUMN restore_mark_ms INTEGER NOT NULL DEFAULT 0',
    ],
  },
  {
    id: '0033-credential-facts',
    statements: [
      // Lines of tokens/credential-facts.ts. The last column, so that what is asked of a credential is read without it.
      "ALTER TABLE agent_tokens ADD COLUMN facts TEXT NOT NULL DEFAULT ''",
      // JSON of the calls of an agent that were refused, by reason and generation.
      'CREATE TABLE refused_calls (agent TEXT PRIMARY KEY, calls TEXT NOT NULL) STRICT',
    ],
  },
  {
    id: '0034-traces',
    // W3C Trace Context of the request that a message came with.
    statements: ['ALTER TABLE messages ADD COLUMN traceparent TEXT'],
  },
  {
    id: '0035-latest-retired',
    statements: [
      // `retired` is a number that grows with each retirement; all of before have 1. One index has the greatest, and one the least of
      // those whose end is confirmed.
      'CREATE INDEX agents_retired ON agents (retired) WHERE retired > 0',
      'CREATE INDEX agents_over ON agents (retired) WHERE retired > 0 AND session IS NULL AND end_due_at_ms IS NULL',
    ],
  },
];
