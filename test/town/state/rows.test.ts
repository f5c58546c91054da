/** Rows that are read as lists, because that is faster: each column is where the store looks for it. */
import { runInDurableObject } from 'cloudflare:test';
import { expect, it } from 'vitest';
import type { AgentId } from '../../../src/protocol/index.ts';
import { AGENT_COLUMNS } from '../../../src/roster/agent-row.ts';
import { AgentStore } from '../../../src/roster/agent-store.ts';
import { CREDENTIAL_COLUMNS } from '../../../src/tokens/credential.ts';
import { TokenStore } from '../../../src/tokens/token-store.ts';
import { agentId } from '../../support/ids.ts';
import { TestTown } from '../support/town.ts';

const columnsOf = (list: string): string[] => list.split(',').map((column) => column.trim());

/** What a column is called in an object. */
const fieldOf = (column: string): string =>
  column === 'look_at_ms'
    ? 'livenessCheckAtMs'
    : column.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** A value that no other column has: a number where the table takes one. */
const valueOf = (column: string, at: number, texts: readonly string[]): string | number =>
  texts.includes(column) ? `text ${at}` : 1000 + at;

interface Kept {
  readonly table: string;
  readonly key: string;
  readonly columns: string;
  readonly read: (sql: SqlStorage, id: AgentId) => unknown;
}

it.each<Kept>([
  { table: 'agents', key: 'id', columns: AGENT_COLUMNS, read: (sql, id) => new AgentStore(sql).get(id) },
  { table: 'agent_tokens', key: 'agent', columns: CREDENTIAL_COLUMNS, read: (sql, id) => new TokenStore(sql).get(id) },
])('a row of $table has each column in its field', async ({ table, key, columns, read }) => {
  const town = await TestTown.create();
  const id = agentId(1);
  await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
    const texts = sql
      .exec<{ name: string }>(`SELECT name FROM pragma_table_info('${table}') WHERE type = 'TEXT'`)
      .toArray()
      .map(({ name }) => name);
    const list = columnsOf(columns);
    const values = list.map((column, at) => (column === key ? id : valueOf(column, at, texts)));
    sql.exec(`INSERT INTO ${table} (${columns}) VALUES (${list.map(() => '?').join()})`, ...values);
    const expected = list.map((column, at) => {
      return [fieldOf(column), column === 'scopes' ? String(values[at]).split(' ') : values[at]];
    });
    expect(read(sql, id)).toEqual(Object.fromEntries(expected));
  });
});
