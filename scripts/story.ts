/** A story on the terminal in which every sentence that claims something is checked. */
export class Story {
  readonly #startedAt = Date.now();

  say(sentence: string): void {
    process.stdout.write(`${this.#clock()}  ${sentence}\n`);
  }

  /** Tells the sentence where it is true; otherwise ends the story. */
  check(sentence: string, happened: boolean): void {
    if (!happened) throw new Error(`this did not happen: ${sentence}`);
    process.stdout.write(`${this.#clock()}  ✓ ${sentence}\n`);
  }

  fail(reason: string): void {
    process.stderr.write(`${this.#clock()}  ✗ ${reason}\n`);
  }

  #clock(): string {
    return `${((Date.now() - this.#startedAt) / 1000).toFixed(1).padStart(6)} s`;
  }
}
