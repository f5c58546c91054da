/** A chat frontend that streams, played in the lab's time. */
import { SELF } from 'cloudflare:test';
import { expect, vi } from 'vitest';
import { PATIENT } from '../../support/patient.ts';
import { lab } from './lab.ts';
import type { TestTown } from './town.ts';
import { DEV_TOKEN, PUBLIC_URL } from './wiring.ts';

interface Choice {
  readonly delta: { readonly role?: string; readonly content?: string; readonly reasoning_content?: string };
  readonly finish_reason: string | null;
}

/** The answer to a chat completion, as a client reads it that streams. */
export class ChatReading {
  readonly status: number;
  raw = '';
  isOver = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(response: Response) {
    this.status = response.status;
    if (response.body === null) throw new Error('there is no body');
    this.#reader = response.body.getReader();
    // One that leaves reads no more.
    this.#readOn().catch(() => undefined);
  }

  /** `more`: of the body. */
  static async of(
    town: TestTown,
    content: string,
    more: object = {},
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ChatReading> {
    const body = { model: `reeve/${town.id}/ada`, messages: [{ role: 'user', content }], stream: true, ...more };
    const all = { authorization: `Bearer ${DEV_TOKEN}`, 'content-type': 'application/json', ...headers };
    return new ChatReading(
      await SELF.fetch(`${PUBLIC_URL}/openai/v1/chat/completions`, {
        method: 'POST',
        headers: all,
        body: JSON.stringify(body),
      }),
    );
  }

  get chunks(): { id: string; choices?: Choice[]; usage?: object; error?: object }[] {
    const lines = this.raw.split('\n\n').filter((line) => line.startsWith('data: {'));
    return lines.map(
      (line) => JSON.parse(line.slice('data: '.length)) as ReturnType<() => ChatReading['chunks'][number]>,
    );
  }

  get #deltas(): Choice['delta'][] {
    return this.chunks.flatMap(({ choices = [] }) => choices.map(({ delta }) => delta));
  }

  get text(): string {
    return this.#deltas.map(({ content = '' }) => content).join('');
  }

  get reasoning(): string {
    return this.#deltas.map(({ reasoning_content: thought = '' }) => thought).join('');
  }

  get finishes(): string[] {
    return this.chunks.flatMap(({ choices = [] }) => choices.flatMap(({ finish_reason: why }) => why ?? []));
  }

  /** Lets the agent work, and the client wait, in small steps of the lab's time. */
  async until(what: (reading: ChatReading) => boolean, stepMs = 300): Promise<void> {
    await vi.waitFor(() => {
      lab.clock.advance(stepMs);
      expect(what(this)).toBe(true);
    }, PATIENT);
  }

  async toEnd(): Promise<ChatReading> {
    await this.until(({ isOver }) => isOver);
    return this;
  }

  leave(): Promise<void> {
    return this.#reader.cancel();
  }

  async #readOn(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) break;
      this.raw += decoder.decode(value, { stream: true });
    }
    this.isOver = true;
  }
}
