import type { Reporter, TestModule, TestSpecification } from 'vitest/node';

/** How often (ms) the run says where it is. */
const EVERY_MS = 10_000;

/** One line each ten seconds: file n of N, and which files run now, so that a person who waits sees that it goes on. */
export default class ProgressReporter implements Reporter {
  readonly #running = new Set<string>();
  #ended = 0;
  #timer: NodeJS.Timeout | undefined;

  onTestRunStart(files: readonly TestSpecification[]): void {
    clearInterval(this.#timer);
    this.#ended = 0;
    this.#running.clear();
    const startedAtMs = Date.now();
    this.#timer = setInterval(() => {
      const seconds = Math.round((Date.now() - startedAtMs) / 1000);
      const now = [...this.#running].join(', ');
      process.stdout.write(`${seconds} s: file ${this.#ended} of ${files.length} done; running: ${now}\n`);
    }, EVERY_MS).unref();
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.add(module.relativeModuleId);
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.relativeModuleId);
    this.#ended += 1;
  }

  onTestRunEnd(): void {
    clearInterval(this.#timer);
  }
}
