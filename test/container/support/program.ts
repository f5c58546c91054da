/** The real program, the source or a bundle of it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { z } from 'zod';
import { COMPILE_CACHE } from '../../../scripts/programs.ts';

export const MAIN = fileURLToPath(new URL('../../../container/main.ts', import.meta.url));
const metricsSchema = z.object({ host: z.string(), port: z.number() });
const readySchema = z.object({ event: z.literal('ready'), port: z.number(), boot: z.string() });

interface Running {
  readonly uid?: number;
  /** What is run, before the arguments; by default the source. */
  readonly command?: readonly string[];
}

/** A control server as a process of its own. */
export class Program {
  static readonly #running = new Set<ChildProcess>();
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  stdout = '';
  stderr = '';

  constructor(environment: Record<string, string>, args: readonly string[] = [], how: Running = {}) {
    const { uid, command = [process.execPath, MAIN] } = how;
    const [file = '', ...first] = command;
    const child = spawn(file, [...first, ...args], {
      ...(uid === undefined ? {} : { uid }),
      env: how.command === undefined ? { NODE_COMPILE_CACHE: COMPILE_CACHE, ...environment } : environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    Program.#running.add(child);
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#exit = once(child, 'close').then(() => {
      Program.#running.delete(child);
      return child.exitCode;
    });
  }

  /** To be called after each test. */
  static endAll(): void {
    for (const child of Program.#running) child.kill('SIGKILL');
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  exitCode(): Promise<number | null> {
    return this.#exit;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for the line that says that it listens; returns the address. */
  async ready(): Promise<string> {
    await expect.poll(() => this.stdout).toContain('"ready"');
    const { port } = readySchema.parse(JSON.parse(this.stdout.split('\n')[0] ?? ''));
    return `http://127.0.0.1:${port}`;
  }

  /** The same for the line that says where it can be scraped. */
  async scrapedAt(): Promise<string> {
    const isIt = (line: string): boolean => line.includes('"event":"metrics"');
    await expect.poll(() => this.stdout).toSatisfy(isIt);
    const { host, port } = metricsSchema.parse(JSON.parse(this.stdout.split('\n').find(isIt) ?? ''));
    return `http://${host}:${port}`;
  }
}
