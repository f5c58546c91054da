/** One agent in a process of its own: its child, its conversation, its tools, and how all of them end together. */
import type { ExitReason, PermissionId } from '#protocol';
import { afterWhile, type Clock } from '../../lib/clock.ts';
import type { OpenTools } from '../../tools/tool-server.ts';
import { ProcessGone, StartError, type AgentProcess, type ProcessEnd, type Prompt } from '../agent-process.ts';
import type { Permissions } from '../permissions.ts';
import type { AcpSession } from './acp-session.ts';
import type { AgentChild, ChildExit } from './child.ts';
import type { StartQueue } from './start-queue.ts';
import type { StderrTail } from './stderr-tail.ts';

/** A turn that was cancelled ends within this (ms), or its process does. */
const CANCEL_MS = 10_000;

export interface AcpParts {
  readonly child: AgentChild;
  readonly session: AcpSession;
  readonly tools: OpenTools;
  readonly tail: StderrTail;
  readonly permissions: Permissions;
  readonly clock: Clock;
  readonly starts: StartQueue;
  /** The session that the agent had here before; null: it had none. */
  readonly known: string | null;
  readonly onSession: (id: string) => void;
  /** Whether the system has killed something for want of memory since the child began. */
  readonly isOutOfMemory: () => boolean;
  /** Resolves to what is to be said where the agent has too much on the disk, to null when `life` ends first. */
  readonly diskFull: (life: AbortSignal) => Promise<string | null>;
  /** Frees the disk, once the process is gone. Never rejects. */
  readonly clearDisk: () => Promise<void>;
}

interface Cause {
  readonly reason: ExitReason;
  readonly detail: string;
}

export class AcpProcess implements AgentProcess {
  readonly ready: Promise<void>;
  readonly ended: Promise<ProcessEnd>;
  readonly #parts: AcpParts;
  readonly #life = new AbortController();
  /** Why it ends, where that is known before it does. */
  #cause: Cause | null = null;
  #isReady = false;
  #isStopping = false;
  /** Resolves when what it has on the disk is gone, where that was too much. */
  #isCleared: Promise<void> | null = null;

  constructor(parts: AcpParts) {
    this.#parts = parts;
    const { child, session } = parts;
    this.ended = child.exited.then((exit) => this.#end(exit));
    this.ready = this.#open();
    // A caller that waits gets the rejection; without one it is no error.
    this.ready.catch(() => {});
    session.over.addEventListener('abort', () => this.#conversationOver(session.over.reason), { once: true });
    child.input.once('error', () => this.#conversationOver(null));
    void parts.diskFull(this.#life.signal).then((detail) => detail !== null && this.#endFull(detail));
  }

  get processId(): number {
    return this.#parts.child.pid;
  }

  async prompt(prompt: Prompt): Promise<string> {
    const { clock, session } = this.#parts;
    const over = new AbortController();
    const cancel = (): void => {
      const detail = `it did not end its turn within ${CANCEL_MS / 1000} s of being asked to`;
      afterWhile(clock, over.signal, CANCEL_MS, () => this.#kill({ reason: 'stopped', detail }));
    };
    prompt.signal.addEventListener('abort', cancel, { once: true });
    try {
      return await session.prompt(prompt);
    } catch (thrown) {
      if (session.over.aborted) throw new ProcessGone('The process of the agent is gone', { cause: thrown });
      throw thrown;
    } finally {
      over.abort();
      prompt.signal.removeEventListener('abort', cancel);
    }
  }

  answer(permission: PermissionId, option: string | null): boolean {
    return this.#parts.permissions.answer(permission, option);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#life.abort();
    await Promise.all([this.#parts.child.stop(), this.#parts.tools.close()]);
    await this.#isCleared;
    this.#parts.session.close();
  }

  async #open(): Promise<void> {
    const { starts, session, known, onSession, child } = this.#parts;
    try {
      await starts.run(this.#life.signal, () => session.open(known));
      this.#isReady = true;
      onSession(session.id);
    } catch (thrown) {
      if (thrown instanceof StartError) this.#kill({ reason: thrown.reason, detail: thrown.message });
      await child.exited;
      throw new ProcessGone('The process of the agent did not start', { cause: thrown });
    }
  }

  /** It does not read or write any more, or what it writes is no conversation: a process without one is of no use. */
  #conversationOver(reason: unknown): void {
    // Known before the process ends of what it finds closed then.
    if (reason instanceof Error && reason.message !== CLOSED) {
      return this.#kill({ reason: 'protocol_error', detail: reason.message });
    }
    // A process that ends closes them too, and says more by its exit.
    const cause: Cause = { reason: 'protocol_error', detail: 'it closed its input or output' };
    afterWhile(this.#parts.clock, this.#life.signal, EXIT_MS, () => this.#kill(cause));
  }

  #kill(cause: Cause): void {
    if (this.#life.signal.aborted) return;
    this.#cause ??= cause;
    void this.#parts.child.stop();
  }

  /** At once: until SIGKILL it goes on to write. */
  #endFull(detail: string): void {
    if (this.#life.signal.aborted) return;
    const { child, clearDisk } = this.#parts;
    this.#cause ??= { reason: 'disk_full', detail };
    child.kill();
    this.#isCleared = child.exited.then(clearDisk);
  }

  async #end({ code, signal }: ChildExit): Promise<ProcessEnd> {
    const { session, tools, tail } = this.#parts;
    this.#life.abort();
    session.close();
    void tools.close();
    await this.#isCleared;
    if (this.#isStopping) return new Promise(() => {});
    const { reason, detail } = this.#cause ?? this.#causeOf(signal, tail.text());
    return { exitCode: code, signal, reason, detail, stderr: tail.text() };
  }

  #causeOf(signal: string | null, stderr: string): Cause {
    const isHeapFull = signal === 'SIGABRT' && stderr.includes('heap out of memory');
    if (isHeapFull || (signal === 'SIGKILL' && this.#parts.isOutOfMemory())) {
      return { reason: 'out_of_memory', detail: 'it took more memory than there is' };
    }
    return this.#isReady
      ? { reason: 'crashed', detail: 'it ended by itself' }
      : { reason: 'exited', detail: 'it ended before it took prompts' };
  }
}

/** What the protocol's library says of a conversation that ended without an error. */
const CLOSED = 'ACP connection closed';
/** Between the end of its output and its exit (ms). */
const EXIT_MS = 1_000;
