/** What a town says of itself in numbers: the words that the town writes into the directory and `/metrics` reads there. */
import { ISSUE_REASONS, type AgentState, type ContainerView, type IssueReason } from '#protocol';

/** Counts of events, which only grow. */
export const EVENT_COUNTS = [
  'sweep_ok',
  'sweep_failed',
  'sweep_skipped',
  'push_failures',
  'delivered',
  'queued_again',
  'dead_lettered',
  'turns_done',
  'turns_failed',
  'silent',
  'no_output',
  'gone',
] as const;
/** One of them, or how many tokens were issued for a reason. */
export type EventCount = (typeof EVENT_COUNTS)[number] | `issued_${IssueReason}`;

/** All of them. */
export const ALL_EVENT_COUNTS: readonly EventCount[] = [
  ...EVENT_COUNTS,
  ...ISSUE_REASONS.map((reason) => `issued_${reason}` as const),
];

/**
 * A figure. What changes with time alone is a time (`_at_ms`), from which its age follows when it is read; `_ms` is a duration.
 * `status`: 0 green, 1 amber, 2 red. `rests`: 1 where nothing is due soon, so that nothing more may be heard for long. `head`: `seq` of
 * the last event that is counted.
 */
export type Figure =
  | EventCount
  | `agents_${Exclude<AgentState, 'retired'>}`
  | `containers_${ContainerView['state']}`
  | 'status'
  | 'rests'
  | 'head'
  | 'in_use'
  | 'expires_first_at_ms'
  | 'expires_p1_at_ms'
  | 'issued_first_at_ms'
  | 'ack_lag_ms'
  | 'unacked_first_at_ms'
  | 'gap_acked'
  | 'gap_in_use'
  | 'failing'
  | 'failing_first_at_ms'
  | 'agents_silent'
  | 'waiting'
  | 'waiting_first_at_ms'
  | 'sweep_at_ms'
  | 'sweep_ms'
  | 'alarm_lag_ms';

/** Of one town. What is absent is not known, or does not apply; a release may add names, and reads those that it knows. */
export type Figures = Readonly<Partial<Record<Figure, number>>>;
