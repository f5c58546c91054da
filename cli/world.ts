/** What the command line has of its machine. Tests run the whole program instead. */

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array> & { readonly isTTY?: boolean };
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Aborts at Ctrl-C, and where nothing reads the output any more. */
  readonly ending: AbortSignal;
  readonly nowMs: () => number;
  /** Aborts after so long (ms). */
  readonly timeout: (ms: number) => AbortSignal;
  /** Resolves after so long (ms); rejects where the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly fetch: (address: string, init: RequestInit) => Promise<Response>;
  /** One line of a person at a terminal. */
  readonly ask: (question: string) => Promise<string>;
}

/** A line on stderr: what is no data. */
export function say(world: World, line: string): void {
  world.stderr.write(`reeve: ${line}\n`);
}
