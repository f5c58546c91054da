/**
 * What `/metrics` tells: each metric of a town, the figure that it is read from, and how those of many towns come to one of the fleet.
 * OpenTelemetry has no names for what a town is; these follow Prometheus' rules.
 */
import { AGENT_STATES, CONTAINER_STATES, ISSUE_REASONS } from '#protocol';
import type { Figure } from '../../directory/figures.ts';

/** One metric of a town, and of the fleet where it has a sum or an extreme there: `reeve_town_<name>`, `reeve_fleet_<name>`. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  /** Each with the labels of its sample. */
  readonly of: readonly (readonly [Figure, Readonly<Record<string, string>>])[];
  /** `count`: as it is. `seconds`: of a duration in ms. `age`, `left`: of a time in ms, the seconds since it or until it. */
  readonly as: 'count' | 'seconds' | 'time' | 'age' | 'left';
  /**
   * Null: the fleet has none. Of counts that only grow a sum would fall with each town that goes, which reads as if it began anew.
   */
  readonly fleet: 'sum' | 'most' | 'least' | null;
}

const gauge = (
  name: string,
  help: string,
  of: Figure | Metric['of'],
  as: Metric['as'],
  fleet: Metric['fleet'],
): Metric => ({ name, help, type: 'gauge', of: typeof of === 'string' ? [[of, {}]] : of, as, fleet });

const counter = (name: string, help: string, of: Figure | Metric['of']): Metric => ({
  ...gauge(name, help, of, 'count', null),
  type: 'counter',
});

/** Of each town, in the order of the text. */
export const METRICS: readonly Metric[] = [
  gauge('health_status', '0 green, 1 amber, 2 red, as its health says', 'status', 'count', null),
  gauge(
    'agents',
    'Live agents by state',
    AGENT_STATES.filter((state) => state !== 'retired').map((state) => [`agents_${state}`, { state }]),
    'count',
    'sum',
  ),
  gauge(
    'containers',
    'Containers by state, as the town knows them without asking',
    CONTAINER_STATES.map((state) => [`containers_${state}`, { state }]),
    'count',
    'sum',
  ),
  gauge('tokens_in_use', 'Tokens of agents at work', 'in_use', 'count', 'sum'),
  gauge(
    'token_expires_in_seconds',
    'Time until tokens in use expire: the first, and the first percentile; negative, they have',
    [
      ['expires_first_at_ms', { stat: 'min' }],
      ['expires_p1_at_ms', { stat: 'p1' }],
    ],
    'left',
    'least',
  ),
  gauge('token_age_seconds', 'Age of the oldest token in use', 'issued_first_at_ms', 'age', 'most'),
  gauge(
    'token_ack_lag_seconds',
    'Duration of the last push of each live agent, from minting to its ack: the longest',
    'ack_lag_ms',
    'seconds',
    'most',
  ),
  gauge(
    'token_unacked_seconds',
    'Since when a newer token of an agent at work waits for its ack: the longest',
    'unacked_first_at_ms',
    'age',
    'most',
  ),
  gauge(
    'token_generation_gap',
    'Generations between the one minted and the one acked, and between that and the one in use, of agents at work: the most',
    [
      ['gap_acked', { between: 'minted_and_acked' }],
      ['gap_in_use', { between: 'acked_and_in_use' }],
    ],
    'count',
    'most',
  ),
  gauge('agents_with_failing_pushes', 'Live agents that no push or start has reached since', 'failing', 'count', 'sum'),
  gauge('pushes_failing_seconds', 'Since when the longest of these fails', 'failing_first_at_ms', 'age', 'most'),
  gauge('agents_silent', 'Agents at work that missed their heartbeats', 'agents_silent', 'count', 'sum'),
  gauge('queue_messages', 'Messages that wait for delivery', 'waiting', 'count', 'sum'),
  gauge(
    'queue_age_seconds',
    'Age of the oldest message that waits for an agent which takes some',
    'waiting_first_at_ms',
    'age',
    'most',
  ),
  gauge('last_sweep_timestamp_seconds', 'When the last sweep began', 'sweep_at_ms', 'time', null),
  gauge('last_sweep_duration_seconds', 'Duration of the last sweep', 'sweep_ms', 'seconds', 'most'),
  gauge('alarm_lag_seconds', 'How long due work has waited for the alarm at most', 'alarm_lag_ms', 'seconds', 'most'),
  counter(
    'tokens_issued_total',
    'Tokens by the reason for which they were minted',
    ISSUE_REASONS.map((reason) => [`issued_${reason}`, { reason }]),
  ),
  counter('sweep_pushes_total', 'Agents in sweeps, by what came of it', [
    ['sweep_ok', { outcome: 'ok' }],
    ['sweep_failed', { outcome: 'failed' }],
    ['sweep_skipped', { outcome: 'skipped' }],
  ]),
  counter('push_failures_total', 'Rows of pushes that failed, each counted once, at its first', 'push_failures'),
  counter('deliveries_total', 'Messages by what came of their delivery', [
    ['delivered', { outcome: 'delivered' }],
    ['queued_again', { outcome: 'queued_again' }],
    ['dead_lettered', { outcome: 'dead_lettered' }],
  ]),
  counter('turns_total', 'Turns that came to their end, by state', [
    ['turns_done', { state: 'done' }],
    ['turns_failed', { state: 'failed' }],
  ]),
  counter('agent_stalls_total', 'Agents at work that stalled: silent, they missed their heartbeats', [
    ['silent', { why: 'silent' }],
    ['no_output', { why: 'no_output' }],
  ]),
  counter('incarnations_gone_total', 'Incarnations of agents that were found gone', 'gone'),
];
