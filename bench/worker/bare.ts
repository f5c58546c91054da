/** What an object costs that does nothing but one row and one request. */
import { DurableObject } from 'cloudflare:workers';

const TABLE = 'CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, content TEXT)';

/** The least that the same job can cost: no token, no queue, no answer that is looked at. */
export class Bare extends DurableObject {
  readonly #address: string;

  constructor(ctx: DurableObjectState, env: { readonly CONTAINER_URL: string }) {
    super(ctx, env);
    this.#address = env.CONTAINER_URL;
    ctx.storage.sql.exec(TABLE);
  }

  /** The least that a call of an object can be. */
  async ping(): Promise<number> {
    return 1;
  }

  /** A row, and then a request to the control server that tells it nothing. */
  async deliver(): Promise<void> {
    this.ctx.storage.sql.exec('INSERT INTO messages (content) VALUES (?)', 'hello');
    const response = await fetch(`${this.#address}/health`);
    await response.text();
  }
}
