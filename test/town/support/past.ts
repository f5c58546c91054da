import { runInDurableObject } from 'cloudflare:test';
import { agentId, messageId } from '../../support/ids.ts';
import { lab } from './lab.ts';
import type { TestTown } from './town.ts';

/** A town with a past: so many agents that are retired, and so many messages that are over, shared out among its live agents. */
export function giveAPast(town: TestTown, count: number): Promise<void> {
  return runInDurableObject(town.stub, (_, { storage: { sql } }) => {
    const now = lab.clock.now();
    const live = sql.exec<{ id: string }>("SELECT id FROM agents WHERE state <> 'retired' ORDER BY id").toArray();
    for (let nth = 0; nth < count; nth += 1) {
      const [gone, owner] = [agentId(nth), live[nth % live.length]?.id ?? ''];
      sql.exec(
        `INSERT INTO agents (id, name, role, scopes, state, inc, container, created_at_ms, retired)
         VALUES (?, 'gone', 'worker', '', 'retired', 1, 0, ?, 1)`,
        gone,
        now,
      );
      sql.exec('INSERT INTO agent_tokens (agent) VALUES (?)', gone);
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
