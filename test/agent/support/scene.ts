/** A credential file, an environment and a town that knows one token, as an agent's process finds them. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTown, type Town, type TownOptions } from '../../../agent/index.ts';

export const ORIGIN = 'https://town.example';

export interface Asked {
  readonly url: string;
  readonly bearer: string;
  readonly init: RequestInit;
}

export class AgentHome {
  readonly directory = mkdtempSync(join(tmpdir(), 'reeve-agent-'));
  readonly path = join(this.directory, 'token-1');
  readonly environment: Record<string, string | undefined> = { REEVE_TOKEN_FILE: this.path, REEVE_API_URL: ORIGIN };
  readonly asked: Asked[] = [];
  /** Tokens that the town answers with 401. */
  readonly refused = new Set<string>();
  /** Runs before the town answers. */
  onAsked: () => void = () => undefined;
  readonly #towns: Town[] = [];
  readonly #looks = new Set<{ readonly look: () => void }>();

  /** Puts a token in the place of the one before, as the control server does. */
  swap(token: string): void {
    writeFileSync(`${this.path}.new`, token, { mode: 0o600 });
    renameSync(`${this.path}.new`, this.path);
  }

  open(options: TownOptions = {}): Town {
    const town = openTown({
      environment: this.environment,
      repeat: (read) => this.#repeat(read),
      fetch: async (url, init) => this.#answer(url, init),
      ...options,
    });
    this.#towns.push(town);
    return town;
  }

  /** Time passes: each town that is open looks at its file. */
  tick(): void {
    for (const { look } of this.#looks) look();
  }

  /** Towns that look at their file. */
  get looking(): number {
    return this.#looks.size;
  }

  end(): void {
    for (const town of this.#towns) town.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #repeat(look: () => void): () => void {
    const one = { look };
    this.#looks.add(one);
    return () => void this.#looks.delete(one);
  }

  #answer(url: string, init: RequestInit): Response {
    const bearer = new Headers(init.headers).get('authorization')?.replace(/^Bearer /, '') ?? '';
    this.asked.push({ url, bearer, init });
    this.onAsked();
    return new Response(bearer, { status: this.refused.has(bearer) ? 401 : 200 });
  }
}
