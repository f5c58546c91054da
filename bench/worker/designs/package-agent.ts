/** A Worker of its own: the package is larger than the Worker that is measured. */
import { Agent } from 'agents';
import { minterOf, type DesignEnv } from './design.ts';

/** The design that has an object for each agent, on Cloudflare's `agents` package: its database, its schedule, its alarm. */
export class PackageAgent extends Agent<DesignEnv> {
  readonly #mint = minterOf(this.env);

  override async onStart(): Promise<void> {
    void this.sql`CREATE TABLE IF NOT EXISTS tokens (one INTEGER PRIMARY KEY, gen INTEGER, acked INTEGER)`;
  }

  /** The generation that its container has confirmed; 0 before the first. */
  async acked(): Promise<number> {
    return this.sql<{ acked: number }>`SELECT acked FROM tokens`[0]?.acked ?? 0;
  }

  /** `atMs`: in whole seconds; the package knows no shorter ones. */
  async plan(atMs: number): Promise<void> {
    await this.schedule(new Date(atMs), 'refresh');
  }

  /** One row, one token, one request, one row. */
  async refresh(): Promise<void> {
    const rows = this.sql<{ gen: number }>`INSERT INTO tokens VALUES (0, 1, 0)
      ON CONFLICT DO UPDATE SET gen = gen + 1 RETURNING gen`;
    const gen = rows[0]?.gen ?? 0;
    const url = `${this.env.DESIGNS_URL}/tokens/${this.name}/${gen}`;
    const response = await fetch(url, { method: 'PUT', body: await this.#mint(gen) });
    await response.text();
    void this.sql`UPDATE tokens SET acked = ${gen}`;
  }
}

export default { fetch: () => new Response(null, { status: 404 }) };
