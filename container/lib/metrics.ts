/** What this program counts of itself, as an argument: main.ts hands in what is scraped, and elsewhere nothing is kept. */
import type { SwapOutcome, TurnEvent } from '#protocol';

/** No method throws. Values of labels are from small sets that are known beforehand, and never an id. */
export interface Metrics {
  /** A request to the control API was answered. `route` is the pattern that it fitted, `ms` how long its answer took. */
  answered(method: string, route: string, status: number, ms: number): void;
  /** A token was handed in, alone or with messages. */
  swapped(outcome: SwapOutcome): void;
  /** An agent was to be started: its process takes prompts, or why it does not. */
  started(outcome: string): void;
  /** Something happened in an agent, which is reported to its town. */
  happened(event: TurnEvent): void;
  /** What came of a batch of events on its way to the town; all but `ok` are repeated, where the agent lives. */
  reported(outcome: string): void;
}

/** Counts nothing. */
export const NO_METRICS: Metrics = {
  answered: () => undefined,
  swapped: () => undefined,
  started: () => undefined,
  happened: () => undefined,
  reported: () => undefined,
};
