import type { Stack } from '../stack.ts';
import type { Timed } from '../measure.ts';

/** One number of the table, and what it is held to. */
export interface Finding {
  /** Names it in the JSON file, for ever. */
  readonly id: string;
  /** A sentence for the table. */
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Null: measured for context, and held to nothing. */
  readonly goal: { readonly at: 'least' | 'most'; readonly value: number } | null;
  /** Milliseconds of each side, where it is a comparison. */
  readonly times: readonly Timed[];
}

/** What the claims measure with. */
export interface Bench {
  readonly stack: Stack;
  /** Rounds of each comparison; at least 5. */
  readonly rounds: number;
  /** A line for the person who waits. */
  readonly say: (line: string) => void;
}

/** One claim about speed: what it needs, measures, and takes away again. */
export interface Claim {
  readonly name: string;
  readonly measure: (bench: Bench) => Promise<readonly Finding[]>;
}

/** Whether the goal is met; null where there is none. */
export function isMet({ goal, value }: Finding): boolean | null {
  if (goal === null) return null;
  return goal.at === 'least' ? value >= goal.value : value <= goal.value;
}
