import { DurableObject } from 'cloudflare:workers';
import { minterOf, type DesignEnv } from './design.ts';

const TABLE = 'CREATE TABLE IF NOT EXISTS tokens (container INTEGER PRIMARY KEY, gen INTEGER, acked INTEGER)';

/** The design that has one token for all agents of a container. */
export class SharedToken extends DurableObject<DesignEnv> {
  readonly #mint: (gen: number) => Promise<string>;

  constructor(ctx: DurableObjectState, env: DesignEnv) {
    super(ctx, env);
    this.#mint = minterOf(env);
    ctx.storage.sql.exec(TABLE);
  }

  /** One row, one token, one request; resolves to how many turns that cut off, when every agent has the token. */
  async refresh(): Promise<number> {
    const { sql } = this.ctx.storage;
    const next = 'INSERT INTO tokens VALUES (0, 1, 0) ON CONFLICT DO UPDATE SET gen = gen + 1 RETURNING gen';
    const { gen } = sql.exec<{ gen: number }>(next).one();
    const body = await this.#mint(gen);
    const response = await fetch(`${this.env.DESIGNS_URL}/token`, { method: 'PUT', body });
    const { cut } = await response.json<{ cut: number }>();
    sql.exec('UPDATE tokens SET acked = ? WHERE container = 0', gen);
    return cut;
  }
}
