import { runInDurableObject } from 'cloudflare:test';
import type { AgentId } from '../../../src/protocol/index.ts';
import { agentId, messageId } from '../../support/ids.ts';
import { lab } from './lab.ts';
import type { TestTown } from './town.ts';

/** All that a town keeps of an agent that is over: retired as its `nth`, with no token that is good. Where it is there, it stays. */
export function addRetired(sql: SqlStorage, id: AgentId, nth: number): void {
  sql.exec(
    `INSERT OR IGNORE INTO agents (id, name, role, scopes, state, inc, container, created_at_ms, retired)
     VALUES (?, 'gone', 'worker', '', 'retired', 1, 0, 0, ?)`,
    id,
    nth,
  );
  sql.exec('INSERT OR IGNORE INTO agent_tokens (agent) VALUES (?)', id);
  sql.exec('INSERT OR IGNORE INTO queues (agent) VALUES (?)', id);
  sql.exec('INSERT OR IGNORE INTO runtimes (agent) VALUES (?)', id);
  sql.exec("INSERT OR IGNORE INTO refused_calls (agent, calls) VALUES (?, '[]')", id);
}

/** A town with a past: so many agents that are retired, and so many messages that are over, shared out among its live agents. */
export function giveAPast(town: TestTown, count: number): Promise<void> {
  return runInDurableObject(town.stub, (_, { storage: { sql } }) => {
    const now = lab.clock.now();
    const live = sql.exec<{ id: string }>("SELECT id FROM agents WHERE state <> 'retired' ORDER BY id").toArray();
    for (let nth = 0; nth < count; nth += 1) {
      const [gone, owner] = [agentId(nth), live[nth % live.length]?.id ?? ''];
      addRetired(sql, gone, nth + 1);
      sql.exec(
        `INSERT INTO messages (id, agent, seq, state, content, sender, bytes, created_at_ms, finished_at_ms, reply)
         VALUES (?, ?, ?, 'done', 'hello', 'person:dev', 7, ?, ?, 'hello')`,
        messageId(nth),
        owner,
        nth + 1,
        now,
        now,
      );
    }
  });
}
