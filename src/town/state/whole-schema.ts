/**
 * The tables of a new town: what all steps of `TOWN_SCHEMA` come to in an empty database, which takes them six times as long. Who
 * appends a step there changes this too; state/schema.test.ts holds that both come to the same. Tables by name, each with its own.
 */
export const WHOLE_TOWN_SCHEMA: readonly string[] = [
  `CREATE TABLE agent_tokens (
     agent TEXT PRIMARY KEY, minted INTEGER NOT NULL DEFAULT 0, minted_at_ms INTEGER NOT NULL DEFAULT 0,
     acked INTEGER NOT NULL DEFAULT 0, acked_at_ms INTEGER, in_use INTEGER NOT NULL DEFAULT 0,
     min_gen INTEGER NOT NULL DEFAULT 0, issued_at_ms INTEGER, expires_at_ms INTEGER, kid TEXT, lagging_gen INTEGER,
     lagging_at_ms INTEGER, reason TEXT, last_outcome TEXT, last_error TEXT, retry_at_ms INTEGER,
     retry_tries INTEGER NOT NULL DEFAULT 0, revoked_at_ms INTEGER, cut_at_gen INTEGER, failing_since_ms INTEGER,
     facts TEXT NOT NULL DEFAULT ''
   ) STRICT`,
  'CREATE INDEX agent_tokens_by_retry ON agent_tokens (retry_at_ms) WHERE retry_at_ms IS NOT NULL',
  `CREATE TABLE agents (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, scopes TEXT NOT NULL, state TEXT NOT NULL,
     inc INTEGER NOT NULL, container INTEGER NOT NULL, session TEXT, process_id INTEGER,
     created_at_ms INTEGER NOT NULL, last_heard_at_ms INTEGER, reported INTEGER NOT NULL DEFAULT 0,
     start_due_at_ms INTEGER, start_tries INTEGER NOT NULL DEFAULT 0, end_due_at_ms INTEGER,
     end_tries INTEGER NOT NULL DEFAULT 0, watched_from_ms INTEGER NOT NULL DEFAULT 0, progress_at_ms INTEGER,
     look_at_ms INTEGER, stalled_why TEXT, stalled_at_ms INTEGER, restarts INTEGER NOT NULL DEFAULT 0,
     revive_at_ms INTEGER, retired INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  'CREATE UNIQUE INDEX agents_live ON agents (name) WHERE retired = 0',
  'CREATE INDEX agents_by_start ON agents (start_due_at_ms) WHERE start_due_at_ms IS NOT NULL',
  'CREATE INDEX agents_by_end ON agents (end_due_at_ms) WHERE end_due_at_ms IS NOT NULL',
  'CREATE INDEX agents_by_revival ON agents (revive_at_ms) WHERE revive_at_ms IS NOT NULL',
  "CREATE INDEX agents_at_work ON agents (look_at_ms) WHERE state IN ('working', 'stalled')",
  'CREATE INDEX agents_by_container ON agents (container) WHERE retired = 0',
  "CREATE INDEX agents_left ON agents (container) WHERE state = 'retired' AND session IS NOT NULL",
  'CREATE INDEX agents_retired ON agents (retired) WHERE retired > 0',
  'CREATE INDEX agents_over ON agents (retired) WHERE retired > 0 AND session IS NULL AND end_due_at_ms IS NULL',
  `CREATE TRIGGER agents_retire AFTER UPDATE OF state ON agents WHEN NEW.state = 'retired' AND NEW.retired = 0
   BEGIN
     UPDATE agents SET retired = 1 WHERE id = NEW.id;
   END`,
  `CREATE TABLE containers (
     idx INTEGER PRIMARY KEY, session TEXT, held_until_ms INTEGER NOT NULL DEFAULT 0,
     failures INTEGER NOT NULL DEFAULT 0, renew_due_at_ms INTEGER, renew_tries INTEGER NOT NULL DEFAULT 0,
     probe_at_ms INTEGER, probe_tries INTEGER NOT NULL DEFAULT 0, unheard_since_ms INTEGER, lost_at_ms INTEGER,
     refused_since_ms INTEGER, lifts INTEGER NOT NULL DEFAULT 0, lift_from_ms INTEGER NOT NULL DEFAULT 0,
     missed INTEGER NOT NULL DEFAULT 0, opened_at_ms INTEGER, asleep_since_ms INTEGER
   ) STRICT`,
  `CREATE TABLE delegations (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, from_agent TEXT NOT NULL,
     to_agent TEXT NOT NULL, parent TEXT, depth INTEGER NOT NULL, state TEXT NOT NULL, task TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL, deadline_at_ms INTEGER NOT NULL, finished_at_ms INTEGER, result TEXT,
     error TEXT, announce_at_ms INTEGER, announced_at_ms INTEGER, warned INTEGER NOT NULL DEFAULT 0,
     bytes INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  "CREATE INDEX delegations_open ON delegations (deadline_at_ms) WHERE state = 'open'",
  "CREATE INDEX delegations_by_target ON delegations (to_agent) WHERE state = 'open'",
  'CREATE INDEX delegations_by_maker ON delegations (from_agent, created_at_ms)',
  'CREATE INDEX delegations_unannounced ON delegations (announce_at_ms) WHERE announce_at_ms IS NOT NULL',
  'CREATE INDEX delegations_announced ON delegations (from_agent, announced_at_ms)',
  'CREATE INDEX delegations_by_end ON delegations (finished_at_ms) WHERE finished_at_ms IS NOT NULL',
  "CREATE INDEX delegations_by_open_maker ON delegations (from_agent) WHERE state = 'open'",
  'CREATE INDEX delegations_to_announce ON delegations (from_agent) WHERE announce_at_ms IS NOT NULL',
  `CREATE TRIGGER delegations_size_add AFTER INSERT ON delegations BEGIN
     UPDATE ledger_size SET bytes = bytes + NEW.bytes;
   END`,
  `CREATE TRIGGER delegations_size_move AFTER UPDATE OF bytes ON delegations BEGIN
     UPDATE ledger_size SET bytes = bytes + NEW.bytes - OLD.bytes;
   END`,
  `CREATE TRIGGER delegations_size_drop AFTER DELETE ON delegations BEGIN
     UPDATE ledger_size SET bytes = bytes - OLD.bytes;
   END`,
  `CREATE TABLE events (
     seq INTEGER PRIMARY KEY, type TEXT NOT NULL, subject TEXT NOT NULL, at_ms INTEGER NOT NULL, data TEXT NOT NULL,
     total_bytes INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  `CREATE TABLE exchanged_tokens (
     jti TEXT PRIMARY KEY, agent TEXT NOT NULL, inc INTEGER NOT NULL, gen INTEGER NOT NULL,
     expires_at_ms INTEGER NOT NULL
   ) STRICT`,
  'CREATE INDEX exchanged_by_end ON exchanged_tokens (expires_at_ms)',
  'CREATE INDEX exchanged_by_agent ON exchanged_tokens (agent)',
  `CREATE TABLE failures (
     work TEXT NOT NULL, subject TEXT NOT NULL, since_ms INTEGER NOT NULL, tries INTEGER NOT NULL,
     next_at_ms INTEGER NOT NULL, PRIMARY KEY (work, subject)
   ) STRICT`,
  'CREATE TABLE ledger_size (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT',
  `CREATE TABLE mail (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, from_agent TEXT NOT NULL,
     to_agent TEXT NOT NULL, text TEXT NOT NULL, bytes INTEGER NOT NULL, sent_at_ms INTEGER NOT NULL,
     read_at_ms INTEGER
   ) STRICT`,
  'CREATE INDEX mail_unread ON mail (to_agent, seq) WHERE read_at_ms IS NULL',
  'CREATE INDEX mail_by_sender ON mail (from_agent, sent_at_ms)',
  'CREATE INDEX mail_by_age ON mail (sent_at_ms)',
  'CREATE INDEX mail_by_reading ON mail (read_at_ms) WHERE read_at_ms IS NOT NULL',
  'CREATE TRIGGER mail_size_add AFTER INSERT ON mail BEGIN UPDATE ledger_size SET bytes = bytes + NEW.bytes; END',
  `CREATE TRIGGER mail_size_drop AFTER DELETE ON mail BEGIN
     UPDATE ledger_size SET bytes = bytes - OLD.bytes;
   END`,
  `CREATE TABLE members (
     person TEXT PRIMARY KEY, role TEXT NOT NULL, since_ms INTEGER NOT NULL, added_by TEXT
   ) STRICT`,
  `CREATE TABLE messages (
     id TEXT PRIMARY KEY, agent TEXT NOT NULL, seq INTEGER NOT NULL, state TEXT NOT NULL, content TEXT NOT NULL,
     sender TEXT NOT NULL, attempt INTEGER NOT NULL DEFAULT 1, tries INTEGER NOT NULL DEFAULT 0,
     deliver_at_ms INTEGER, created_at_ms INTEGER NOT NULL, delivered_at_ms INTEGER, finished_at_ms INTEGER,
     reply TEXT, truncated INTEGER NOT NULL DEFAULT 0, error TEXT, idempotency_key TEXT,
     bytes INTEGER NOT NULL DEFAULT 0, works INTEGER NOT NULL DEFAULT 0, kept_bytes INTEGER NOT NULL DEFAULT 0, traceparent TEXT,
     UNIQUE (agent, seq)
   ) STRICT`,
  "CREATE INDEX messages_by_due ON messages (deliver_at_ms) WHERE state = 'queued'",
  'CREATE UNIQUE INDEX messages_by_key ON messages (sender, idempotency_key) WHERE idempotency_key IS NOT NULL',
  'CREATE INDEX messages_by_end ON messages (finished_at_ms) WHERE finished_at_ms IS NOT NULL',
  'CREATE INDEX messages_open ON messages (agent, seq) WHERE finished_at_ms IS NULL',
  `CREATE TRIGGER queues_add AFTER INSERT ON messages BEGIN
     INSERT INTO queues (agent) VALUES (NEW.agent) ON CONFLICT (agent) DO NOTHING;
     UPDATE queues SET last_seq = MAX(last_seq, NEW.seq), waiting = waiting + (NEW.state IN ('queued',
     'delivered')), bytes = bytes + (NEW.state IN ('queued', 'delivered')) * NEW.bytes, finished = finished +
     (NEW.state IN ('done', 'failed', 'cancelled')) WHERE agent IN (NEW.agent, '');
   END`,
  `CREATE TRIGGER queues_move AFTER UPDATE OF state ON messages WHEN (OLD.state IN ('queued', 'delivered')) <>
   (NEW.state IN ('queued', 'delivered')) OR (OLD.state IN ('done', 'failed', 'cancelled')) <> (NEW.state IN
   ('done', 'failed', 'cancelled')) BEGIN
     UPDATE queues SET waiting = waiting + (NEW.state IN ('queued', 'delivered')) - (OLD.state IN ('queued',
     'delivered')), bytes = bytes + ((NEW.state IN ('queued', 'delivered')) - (OLD.state IN ('queued',
     'delivered'))) * NEW.bytes, finished = finished + (NEW.state IN ('done', 'failed', 'cancelled')) -
     (OLD.state IN ('done', 'failed', 'cancelled')) WHERE agent IN (NEW.agent, '');
   END`,
  `CREATE TRIGGER queues_drop AFTER DELETE ON messages BEGIN
     UPDATE queues SET waiting = waiting - (OLD.state IN ('queued', 'delivered')), bytes = bytes - (OLD.state
     IN ('queued', 'delivered')) * OLD.bytes, finished = finished - (OLD.state IN ('done', 'failed',
     'cancelled')) WHERE agent IN (OLD.agent, '');
   END`,
  `CREATE TRIGGER kept_add AFTER INSERT ON messages WHEN NEW.kept_bytes > 0 BEGIN
     UPDATE queues SET kept_bytes = kept_bytes + NEW.kept_bytes WHERE agent = '';
   END`,
  `CREATE TRIGGER kept_move AFTER UPDATE OF kept_bytes ON messages WHEN NEW.kept_bytes <> OLD.kept_bytes BEGIN
     UPDATE queues SET kept_bytes = kept_bytes + NEW.kept_bytes - OLD.kept_bytes WHERE agent = '';
   END`,
  `CREATE TRIGGER kept_drop AFTER DELETE ON messages WHEN OLD.kept_bytes > 0 BEGIN
     UPDATE queues SET kept_bytes = kept_bytes - OLD.kept_bytes WHERE agent = '';
   END`,
  `CREATE TABLE permissions (
     seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, agent TEXT NOT NULL, inc INTEGER NOT NULL,
     message TEXT NOT NULL, attempt INTEGER NOT NULL, title TEXT NOT NULL, kind TEXT NOT NULL, input TEXT NOT NULL,
     options TEXT NOT NULL, state TEXT NOT NULL, requested_at_ms INTEGER NOT NULL, expires_at_ms INTEGER NOT NULL,
     option_id TEXT, answered_by TEXT, answered_at_ms INTEGER, resolved_by TEXT, resolved_at_ms INTEGER,
     due_at_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  'CREATE INDEX permissions_by_due ON permissions (due_at_ms) WHERE due_at_ms IS NOT NULL',
  "CREATE INDEX permissions_open ON permissions (agent, seq) WHERE state IN ('open', 'answered')",
  `CREATE TABLE queues (
     agent TEXT PRIMARY KEY, last_seq INTEGER NOT NULL DEFAULT 0, waiting INTEGER NOT NULL DEFAULT 0,
     bytes INTEGER NOT NULL DEFAULT 0, finished INTEGER NOT NULL DEFAULT 0, kept_bytes INTEGER NOT NULL DEFAULT 0,
     tries INTEGER NOT NULL DEFAULT 0, retry_at_ms INTEGER, at_most INTEGER, rejected TEXT,
     rejections INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  'CREATE TABLE refused_calls (agent TEXT PRIMARY KEY, calls TEXT NOT NULL) STRICT',
  `CREATE TABLE runtimes (
     agent TEXT PRIMARY KEY, runtime TEXT, failure_reason TEXT, failure_detail TEXT, failed_at_ms INTEGER
   ) STRICT`,
  `CREATE TABLE sweeps (
     seq INTEGER PRIMARY KEY, started_at_ms INTEGER NOT NULL, finished_at_ms INTEGER NOT NULL, due INTEGER NOT NULL,
     ok INTEGER NOT NULL, failed INTEGER NOT NULL, skipped INTEGER NOT NULL, results TEXT NOT NULL
   ) STRICT`,
  `CREATE TABLE tickets (
     digest TEXT PRIMARY KEY, person TEXT NOT NULL, expires_at_ms INTEGER NOT NULL, ends_at_ms INTEGER NOT NULL
   ) STRICT`,
  `CREATE TABLE town (
     one INTEGER PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL, valid_from_ms INTEGER NOT NULL, sweep_at_ms INTEGER NOT NULL,
     key_set TEXT NOT NULL DEFAULT '', told_due_at_ms INTEGER, removal_due_at_ms INTEGER, removal_since_ms INTEGER,
     token_audiences TEXT NOT NULL DEFAULT '[]', members_revision INTEGER NOT NULL DEFAULT 0,
     members_due_at_ms INTEGER, restore_mark_ms INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  `CREATE TABLE transcripts (
     sender TEXT NOT NULL, digest TEXT NOT NULL, message TEXT NOT NULL, at_ms INTEGER NOT NULL,
     answered_at_ms INTEGER, PRIMARY KEY (sender, digest)
   ) STRICT`,
  'CREATE INDEX transcripts_by_age ON transcripts (at_ms)',
  `CREATE TABLE webhooks (
     id TEXT PRIMARY KEY, url TEXT NOT NULL, description TEXT NOT NULL, filters TEXT NOT NULL,
     created_at_ms INTEGER NOT NULL, salt TEXT NOT NULL, key TEXT NOT NULL, old_salt TEXT, old_key TEXT,
     old_until_ms INTEGER, cursor INTEGER NOT NULL, due_at_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,
     failing_since_ms INTEGER, last_error TEXT, posted_at_ms INTEGER, enabled INTEGER NOT NULL DEFAULT 1,
     ended_why TEXT, ended_at_ms INTEGER
   ) STRICT`,
  `CREATE TABLE withdrawals (
     message TEXT PRIMARY KEY, agent TEXT NOT NULL, inc INTEGER NOT NULL, since_ms INTEGER NOT NULL,
     due_at_ms INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0
   ) STRICT`,
  'CREATE INDEX withdrawals_by_due ON withdrawals (due_at_ms)',
  'CREATE INDEX withdrawals_by_agent ON withdrawals (agent, since_ms)',
  // The sums of all agents, and those of the ledger.
  "INSERT INTO queues (agent) VALUES ('')",
  'INSERT INTO ledger_size (one, bytes) VALUES (1, 0)',
];
