/** What was said in a session, kept in the agent's own directory so that it can be taken up again. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { parseJson } from '#lib/json.ts';

const memorySchema = z.array(z.string());
/** What is remembered: this many messages, the newest, each in so many units. */
const MAX_MESSAGES = 100;
const MAX_UNITS = 1_000;
const ID = /^[0-9a-f-]{36}$/;

export class SessionMemory {
  readonly #folder: string;
  readonly #said = new Map<string, string[]>();

  constructor(home: string) {
    this.#folder = join(home, '.reeve-agent');
  }

  open(id: string): void {
    this.#said.set(id, []);
  }

  /** False where there is no such session. */
  load(id: string): boolean {
    if (!ID.test(id)) return false;
    try {
      this.#said.set(id, memorySchema.parse(parseJson(readFileSync(this.#file(id), 'utf8'))));
      return true;
    } catch {
      return false; // It was never here, or is none of ours.
    }
  }

  /** Undefined where the session is not open. */
  of(id: string): readonly string[] | undefined {
    return this.#said.get(id);
  }

  add(id: string, text: string): void {
    const said = [...(this.#said.get(id) ?? []), text.slice(0, MAX_UNITS)].slice(-MAX_MESSAGES);
    this.#said.set(id, said);
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    writeFileSync(`${this.#file(id)}.new`, JSON.stringify(said), { mode: 0o600 });
    renameSync(`${this.#file(id)}.new`, this.#file(id));
  }

  #file(id: string): string {
    return join(this.#folder, `${id}.json`);
  }
}
