import { DurableObject } from 'cloudflare:workers';
import { after } from '#lib/clock.ts';
import { minterOf, type DesignEnv } from './design.ts';

/** As long as Temporal's server lets a poll wait. */
const POLL_MS = 60_000;

const SCHEMA = `
CREATE TABLE IF NOT EXISTS agents (name TEXT PRIMARY KEY, gen INTEGER, acked INTEGER) STRICT;
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, agent TEXT, content TEXT, is_taken INTEGER DEFAULT 0) STRICT;
CREATE INDEX IF NOT EXISTS messages_waiting ON messages (agent) WHERE is_taken = 0;
`;

/** What a poll is answered with: one thing, so the agent asks again at once. */
type Polled = { readonly gen: number; readonly token: string } | { readonly content: string };

/** The design whose agents ask: each keeps one request open, which is answered when there is something for it. */
export class PollQueue extends DurableObject<DesignEnv> {
  readonly #mint: (gen: number) => Promise<string>;
  readonly #tokens = new Map<string, string>();
  readonly #waiting = new Map<string, () => void>();
  /** Agents that have not confirmed the newest generation, and who waits for them. */
  readonly #unconfirmed = new Set<string>();
  #allConfirmed = Promise.withResolvers<void>();

  constructor(ctx: DurableObjectState, env: DesignEnv) {
    super(ctx, env);
    this.#mint = minterOf(env);
    ctx.storage.sql.exec(SCHEMA);
  }

  /** `held`: the generation that the agent has, which is confirmed by that; 0 for none. Null: there was nothing for it all the time. */
  async poll(agent: string, held: number): Promise<Polled | null> {
    this.#confirm(agent, held);
    const found = this.#next(agent, held);
    if (found !== null) return found;
    const woken = Promise.withResolvers<void>();
    const stopTimer = after(POLL_MS, woken.resolve);
    this.#waiting.set(agent, woken.resolve);
    await woken.promise;
    stopTimer();
    return this.#next(agent, held);
  }

  /** A token for each agent that has ever asked; resolves when each has confirmed it. */
  async refresh(): Promise<void> {
    const { sql } = this.ctx.storage;
    const agents = sql
      .exec<{ name: string; gen: number }>('UPDATE agents SET gen = gen + 1 RETURNING name, gen')
      .toArray();
    this.#allConfirmed = Promise.withResolvers();
    for (const { name } of agents) this.#unconfirmed.add(name);
    await Promise.all(
      agents.map(async ({ name, gen }) => {
        this.#tokens.set(name, await this.#mint(gen));
        this.#wake(name);
      }),
    );
    await this.#allConfirmed.promise;
  }

  async send(agent: string): Promise<void> {
    this.ctx.storage.sql.exec('INSERT INTO messages (agent, content) VALUES (?, ?)', agent, 'hello');
    this.#wake(agent);
  }

  #wake(agent: string): void {
    this.#waiting.get(agent)?.();
    this.#waiting.delete(agent);
  }

  #confirm(agent: string, held: number): void {
    const { sql } = this.ctx.storage;
    if (held === 0) sql.exec('INSERT OR IGNORE INTO agents VALUES (?, 0, 0)', agent);
    if (!this.#unconfirmed.has(agent) || held < this.#genOf(agent)) return;
    sql.exec('UPDATE agents SET acked = ? WHERE name = ?', held, agent);
    this.#unconfirmed.delete(agent);
    if (this.#unconfirmed.size === 0) this.#allConfirmed.resolve();
  }

  #next(agent: string, held: number): Polled | null {
    const [gen, token] = [this.#genOf(agent), this.#tokens.get(agent)];
    if (gen > held && token !== undefined) return { gen, token };
    const take = `UPDATE messages SET is_taken = 1
      WHERE id = (SELECT MIN(id) FROM messages WHERE agent = ? AND is_taken = 0) RETURNING content`;
    return this.ctx.storage.sql.exec<{ content: string }>(take, agent).toArray()[0] ?? null;
  }

  #genOf(agent: string): number {
    return this.ctx.storage.sql.exec<{ gen: number }>('SELECT gen FROM agents WHERE name = ?', agent).one().gen;
  }
}
