import { env, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { migrate } from '../../../src/lib/migrate.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import { makeId } from '../../../src/protocol/index.ts';
import { DelegationStore } from '../../../src/ledger/delegation-store.ts';
import { MailStore } from '../../../src/ledger/mail-store.ts';
import { MessageStore } from '../../../src/outbox/message-store.ts';
import { MemberStore } from '../../../src/people/member-store.ts';
import { AgentStore } from '../../../src/roster/agent-store.ts';
import { TOWN_SCHEMA } from '../../../src/town/state/schema.ts';
import { WHOLE_TOWN_SCHEMA } from '../../../src/town/state/whole-schema.ts';
import { TestTown } from '../support/town.ts';

/**
 * If this breaks, a step of the schema was changed. Running towns hold the old one: restore the step, and append a new step that
 * alters what is there. Then add the new tables or columns here, and to the tables of a new town (whole-schema.ts).
 */
const TABLES = {
  agent_tokens:
    'agent minted minted_at_ms acked acked_at_ms in_use min_gen issued_at_ms expires_at_ms kid lagging_gen lagging_at_ms reason last_outcome last_error retry_at_ms retry_tries revoked_at_ms cut_at_gen failing_since_ms facts',
  agents:
    'id name role scopes state inc container session process_id created_at_ms last_heard_at_ms reported start_due_at_ms start_tries end_due_at_ms end_tries watched_from_ms progress_at_ms look_at_ms stalled_why stalled_at_ms restarts revive_at_ms retired',
  containers:
    'idx session held_until_ms failures renew_due_at_ms renew_tries probe_at_ms probe_tries unheard_since_ms lost_at_ms refused_since_ms lifts lift_from_ms missed opened_at_ms asleep_since_ms',
  delegations:
    'seq id from_agent to_agent parent depth state task created_at_ms deadline_at_ms finished_at_ms result error announce_at_ms announced_at_ms warned bytes',
  events: 'seq type subject at_ms data total_bytes',
  exchanged_tokens: 'jti agent inc gen expires_at_ms',
  failures: 'work subject since_ms tries next_at_ms',
  ledger_size: 'one bytes',
  mail: 'seq id from_agent to_agent text bytes sent_at_ms read_at_ms',
  members: 'person role since_ms added_by',
  messages:
    'id agent seq state content sender attempt tries deliver_at_ms created_at_ms delivered_at_ms finished_at_ms reply truncated error idempotency_key bytes works kept_bytes traceparent',
  migrations: 'at id',
  permissions:
    'seq id agent inc message attempt title kind input options state requested_at_ms expires_at_ms option_id answered_by answered_at_ms resolved_by resolved_at_ms due_at_ms tries',
  queues: 'agent last_seq waiting bytes finished kept_bytes tries retry_at_ms at_most rejected rejections',
  refused_calls: 'agent calls',
  runtimes: 'agent runtime failure_reason failure_detail failed_at_ms',
  sweeps: 'seq started_at_ms finished_at_ms due ok failed skipped results',
  tickets: 'digest person expires_at_ms ends_at_ms',
  town: 'one id name owner created_at_ms valid_from_ms sweep_at_ms key_set told_due_at_ms removal_due_at_ms removal_since_ms token_audiences members_revision members_due_at_ms restore_mark_ms',
  transcripts: 'sender digest message at_ms answered_at_ms',
  webhooks:
    'id url description filters created_at_ms salt key old_salt old_key old_until_ms cursor due_at_ms tries failing_since_ms last_error posted_at_ms enabled ended_why ended_at_ms',
  withdrawals: 'message agent inc since_ms due_at_ms tries',
};

describe('the schema of a town', () => {
  it('has the tables that docs/storage.md describes, all of them STRICT', async () => {
    const town = await TestTown.create();
    const tables = await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      const list = sql.exec<{ name: string; strict: number }>('PRAGMA table_list').toArray();
      const own = list.filter(({ name }) => !/^(_cf|sqlite)_/.test(name));
      return own.map(({ name, strict }) => {
        const columns = sql.exec<{ name: string }>(`SELECT name FROM pragma_table_info('${name}')`).toArray();
        return { name, strict, columns: columns.map((column) => column.name).join(' ') };
      });
    });
    expect(Object.fromEntries(tables.map(({ name, columns }) => [name, columns]))).toEqual(TABLES);
    expect(tables.every(({ strict }) => strict === 1)).toBe(true);
  });

  it('is the same in a new town, which is made at once, as in one that went through every step', async () => {
    const made = (whole?: readonly string[]) =>
      runInDurableObject(env.TOWN.getByName(makeId('town', randomBytes(20))), (_, { storage }) => {
        const { sql } = storage;
        migrate(storage, TOWN_SCHEMA, whole);
        const parts = sql
          .exec<{ type: string; name: string; sql: string | null }>(
            `SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\' ORDER BY type, name`,
          )
          .toArray();
        const tables = parts.filter(({ type }) => type === 'table').map(({ name }) => name);
        return {
          parts: parts.map((part) => ({ ...part, sql: (part.sql ?? '').replaceAll(/["\s]/g, '') })),
          rows: tables.map((name) => [name, sql.exec(`SELECT * FROM ${name}`).toArray()]),
        };
      });
    expect(await made(WHOLE_TOWN_SCHEMA)).toEqual(await made());
  });

  it('takes a town with mail, delegations and finished messages of before their bytes were counted, and counts on', async () => {
    const stub = env.TOWN.getByName(makeId('town', randomBytes(20)));
    const counted = await runInDurableObject(stub, (_, { storage }) => {
      const { sql } = storage;
      migrate(
        storage,
        TOWN_SCHEMA.slice(
          0,
          TOWN_SCHEMA.findIndex(({ id }) => id.endsWith('-kept-bytes')),
        ),
      );
      const mail =
        "INSERT INTO mail (id, from_agent, to_agent, text, bytes, sent_at_ms) VALUES (?, 'a', 'b', 'x', 3, 0)";
      sql.exec(mail, 'mail_1');
      sql.exec(
        `INSERT INTO messages (id, agent, seq, state, content, sender, bytes, created_at_ms, finished_at_ms)
         VALUES ('m1', 'a', 1, 'done', 'x', 'person:dev', 3, 0, 1)`,
      );
      sql.exec(
        `INSERT INTO delegations (id, from_agent, to_agent, depth, state, task, created_at_ms, deadline_at_ms)
         VALUES ('d1', 'a', 'b', 1, 'open', 'x', 0, 1)`,
      );
      migrate(storage, TOWN_SCHEMA);
      const sizes = () => [
        sql.exec<{ n: number }>("SELECT kept_bytes AS n FROM queues WHERE agent = ''").one().n,
        sql.exec<{ n: number }>('SELECT bytes AS n FROM ledger_size').one().n,
      ];
      const first = sizes();
      // As code that does not know the count goes on writing.
      sql.exec(mail, 'mail_2');
      sql.exec("UPDATE messages SET state = 'done', finished_at_ms = 2 WHERE id = 'm1'");
      const then = sizes();
      for (const table of ['mail', 'messages', 'delegations']) sql.exec(`DELETE FROM ${table}`);
      return [first, then, sizes()];
    });
    expect(counted).toEqual([
      [0, 3],
      [0, 6],
      [0, 0],
    ]);
  });

  it('keeps names of live agents apart, and gives that of one free that is retired, also by a release that knows nothing of the column', async () => {
    const stub = env.TOWN.getByName(makeId('town', randomBytes(20)));
    const seen = await runInDurableObject(stub, (_, { storage }) => {
      const { sql } = storage;
      const before = TOWN_SCHEMA.findIndex(({ id }) => id.endsWith('-live-agents'));
      migrate(storage, TOWN_SCHEMA.slice(0, before));
      const add = (id: string, state: string) =>
        sql.exec(
          `INSERT INTO agents (id, name, role, scopes, state, inc, container, created_at_ms)
           VALUES (?, 'ada', 'worker', '', ?, 1, 0, 0)`,
          id,
          state,
        );
      for (const id of ['a1', 'a2']) add(id, 'retired');
      add('a3', 'working');
      migrate(storage, TOWN_SCHEMA);
      const agents = new AgentStore(sql);
      const first = agents.find('ada')?.id;
      expect(() => add('a4', 'idle')).toThrow(/UNIQUE/);
      sql.exec("UPDATE agents SET state = 'retired' WHERE id = 'a3'");
      add('a5', 'idle');
      return [first, agents.find('ada')?.id, agents.live().map(({ id }) => id), agents.list('', 10).length];
    });
    expect(seen).toEqual(['a3', 'a5', ['a5'], 4]);
  });

  it('makes whoever made a town its owner where it is older than its members', async () => {
    const stub = env.TOWN.getByName(makeId('town', randomBytes(20)));
    const members = await runInDurableObject(stub, (_, { storage }) => {
      const { sql } = storage;
      migrate(
        storage,
        TOWN_SCHEMA.slice(
          0,
          TOWN_SCHEMA.findIndex(({ id }) => id.endsWith('-members')),
        ),
      );
      sql.exec(
        `INSERT INTO town (one, id, name, owner, created_at_ms, valid_from_ms, sweep_at_ms, key_set)
         VALUES (1, 'town_1', 'old', 'oidc:ada', 7, 0, 0, '')`,
      );
      migrate(storage, TOWN_SCHEMA);
      return new MemberStore(sql).list('', 10);
    });
    expect(members).toEqual([{ person: 'oidc:ada', role: 'owner', sinceMs: 7, addedBy: null }]);
  });

  it('refuses to run over a database of which a step is not the one of the list', async () => {
    const town = await TestTown.create();
    await runInDurableObject(env.TOWN.getByName(town.id), (_, { storage }) => {
      expect(() => migrate(storage, TOWN_SCHEMA)).not.toThrow();
      expect(() => migrate(storage, [{ id: '0001-other', statements: [] }])).toThrow(/stored step 0/);
      const changed = [...TOWN_SCHEMA.slice(0, -1), { id: 'another', statements: [] }];
      expect(() => migrate(storage, changed)).toThrow(/stored step \d+ is .*, expected another/);
    });
  });

  it('finds who is at work and who lives where without a look at every agent that ever was', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const plans = await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      const asked: string[] = [];
      const agents = new AgentStore({
        ...sql,
        exec: (query: string, ...bindings: SqlStorageValue[]) => {
          asked.push(
            ...sql
              .exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...bindings)
              .toArray()
              .map(({ detail }) => detail),
          );
          return sql.exec(query, ...bindings);
        },
      } as SqlStorage);
      agents.isAnyInUse();
      agents.inContainer(0);
      return asked.filter((detail) => detail.includes('agents'));
    });
    expect(plans).toHaveLength(2);
    expect(plans[0]).toContain('INDEX agents_at_work');
    expect(plans[1]).toContain('INDEX agents_by_container');
  });

  it('finds what makes room for more by an index, in its order, without a look at everything that is kept', async () => {
    const town = await TestTown.create();
    const plans = await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      const asked: string[] = [];
      const explained = {
        ...sql,
        exec: (query: string, ...bindings: SqlStorageValue[]) => {
          const steps = sql.exec<{ detail: string }>(`EXPLAIN QUERY PLAN ${query}`, ...bindings).toArray();
          asked.push(...steps.map(({ detail }) => detail));
          return sql.exec(query, ...bindings);
        },
      } as SqlStorage;
      new MessageStore(explained).pruneBytes(1, 1, 1);
      new MailStore(explained).pruneRead(1, 1, 1);
      new DelegationStore(explained).pruneBytes(1, 1);
      return asked;
    });
    expect(plans).toEqual([
      expect.stringContaining('INDEX messages_by_end'),
      expect.stringContaining('INDEX mail_by_reading'),
      expect.stringContaining('INDEX delegations_by_end'),
    ]);
  });

  it('counts the messages of a town that is older than the counting, and goes on from there', async () => {
    const stub = env.TOWN.getByName(makeId('town', randomBytes(20)));
    const queues = await runInDurableObject(stub, (_, { storage }) => {
      const { sql } = storage;
      const before = TOWN_SCHEMA.findIndex(({ id }) => id.endsWith('-outbox'));
      migrate(storage, TOWN_SCHEMA.slice(0, before));
      const states = ['done', 'working', 'delivered', 'queued', 'queued'];
      for (const [at, state] of states.entries()) {
        sql.exec(
          `INSERT INTO messages (id, agent, seq, state, content, sender, created_at_ms, finished_at_ms)
           VALUES (?, 'ada', ?, ?, 'é"', 'person:dev', 0, ?)`,
          `m${at}`,
          at + 1,
          state,
          state === 'done' ? 1 : null,
        );
      }
      migrate(storage, TOWN_SCHEMA);
      const rows = () =>
        sql.exec('SELECT agent, last_seq, waiting, bytes, finished FROM queues ORDER BY agent').toArray();
      const first = rows();
      sql.exec("UPDATE messages SET state = 'done' WHERE id IN ('m1', 'm2')");
      sql.exec("DELETE FROM messages WHERE id IN ('m0', 'm3')");
      return [first, rows()];
    });
    // As JSON text: two quotes, two bytes of é, and two of the escaped quote.
    const first = { waiting: 3, bytes: 18, finished: 1 };
    const after = { waiting: 1, bytes: 6, finished: 2 };
    expect(queues).toMatchObject([
      [
        { agent: '', ...first },
        { agent: 'ada', last_seq: 5, ...first },
      ],
      [after, after],
    ]);
  });
});
