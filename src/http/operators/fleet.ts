/** The figures of many towns as families of metrics. Pure. */
import type { WatchedTown } from '../../directory/directory-store.ts';
import type { PublishedFigures } from '../../directory/figures-store.ts';
import type { MetricFamily, Sample } from '#lib/exposition.ts';
import { METRICS, type Metric } from './families.ts';

/** A town with what it said of itself last; null: it has said nothing yet. */
interface SeenTown extends Pick<WatchedTown, 'id' | 'nextDueAtMs'> {
  readonly published: PublishedFigures | null;
}

/** Towns that have samples of their own: some fifty each. The others are in those of the fleet. */
export const MAX_TOWNS_SHOWN = 200;

/** By value of the figure `status`; and of towns that have said nothing yet. */
const STATUSES = ['green', 'amber', 'red', 'unknown'] as const;

/** Takes towns one after the other; holds the samples of the first 200, and sums of all. */
export class Fleet {
  readonly #nowMs: number;
  readonly #shown: SeenTown[] = [];
  readonly #towns = new Map<string, number>(STATUSES.map((status) => [status, 0]));
  /** By metric, and within it by sample. */
  readonly #values = new Map<Metric, Map<number, number>>(METRICS.map((metric) => [metric, new Map()]));
  /** The first percentile of each town, and how many tokens it stands for. */
  readonly #percentiles: { readonly seconds: number; readonly tokens: number }[] = [];
  #longestOverdue = 0;
  #count = 0;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  add(town: SeenTown): void {
    this.#count += 1;
    if (this.#shown.length < MAX_TOWNS_SHOWN) this.#shown.push(town);
    const status = STATUSES[town.published?.figures.status ?? STATUSES.length - 1] ?? 'unknown';
    this.#towns.set(status, (this.#towns.get(status) ?? 0) + 1);
    this.#longestOverdue = Math.max(this.#longestOverdue, this.#overdueSeconds(town));
    for (const [metric, values] of this.#values) this.#join(metric, values, town);
    const p1 = town.published?.figures.expires_p1_at_ms;
    if (p1 === undefined) return;
    const seconds = (p1 - this.#nowMs) / 1000;
    this.#percentiles.push({ seconds, tokens: town.published?.figures.in_use ?? 1 });
  }

  /** `isWhole`: every town was added. */
  families(isWhole: boolean): MetricFamily[] {
    return [...this.#ofTowns(), ...this.#ofFleet(isWhole)];
  }

  #join({ of, as, fleet }: Metric, values: Map<number, number>, town: SeenTown): void {
    if (fleet === null) return;
    of.forEach(([figure], at) => {
      const value = valueOf(town.published?.figures[figure], as, this.#nowMs);
      if (value !== null) values.set(at, JOIN[fleet](values.get(at), value));
    });
  }

  #ofTowns(): MetricFamily[] {
    const sampled = METRICS.map(({ name, help, type, of, as }) => {
      const samples = this.#shown.flatMap(({ id, published }) =>
        of.flatMap(([figure, labels]): Sample[] => {
          const value = valueOf(published?.figures[figure], as, this.#nowMs);
          return value === null ? [] : [{ labels: { town: id, ...labels }, value }];
        }),
      );
      return { name: `reeve_town_${name}`, help: `${help}.`, type, samples };
    });
    const each = (value: (town: SeenTown) => number | null): Sample[] =>
      this.#shown.flatMap((town) => {
        const found = value(town);
        return found === null ? [] : [{ labels: { town: town.id }, value: found }];
      });
    const said = each(({ published }) => (published === null ? null : published.atMs / 1000));
    return [
      ...sampled,
      family(
        'reeve_town_overdue_seconds',
        OVERDUE,
        each((town) => this.#overdueSeconds(town)),
      ),
      family(
        'reeve_town_figures_timestamp_seconds',
        'When the town said these figures last; one that rests is silent.',
        said,
      ),
    ];
  }

  #ofFleet(isWhole: boolean): MetricFamily[] {
    const joined = METRICS.filter(({ fleet }) => fleet !== null).map((metric): MetricFamily => {
      const values = this.#values.get(metric) ?? new Map<number, number>();
      const samples = metric.of.flatMap(([figure, labels], at): Sample[] => {
        const value = figure === 'expires_p1_at_ms' ? this.#firstPercentile() : values.get(at);
        return value === undefined ? [] : [{ labels, value }];
      });
      return family(`reeve_fleet_${metric.name}`, `Of all towns in this answer: ${metric.help}.`, samples);
    });
    const byStatus = Array.from(this.#towns, ([status, value]): Sample => ({ labels: { status }, value }));
    return [
      ...joined,
      family('reeve_fleet_towns', 'Towns in this answer, by their health.', byStatus),
      family('reeve_fleet_towns_left_out', 'Towns that have no samples of their own here.', [
        { labels: {}, value: this.#count - this.#shown.length },
      ]),
      family('reeve_fleet_overdue_seconds', `${OVERDUE} The longest.`, [{ labels: {}, value: this.#longestOverdue }]),
      family('reeve_fleet_complete', '1 where every town was read, 0 where there are more than are read.', [
        { labels: {}, value: Number(isWhole) },
      ]),
    ];
  }

  #overdueSeconds({ nextDueAtMs }: SeenTown): number {
    return nextDueAtMs === null ? 0 : Math.max(0, (this.#nowMs - nextDueAtMs) / 1000);
  }

  /** By nearest rank, each token counted at the first percentile of its town: never later than the true one. */
  #firstPercentile(): number | undefined {
    const sorted = this.#percentiles.toSorted((one, other) => one.seconds - other.seconds);
    const rank = Math.ceil(sorted.reduce((sum, { tokens }) => sum + tokens, 0) / 100);
    let passed = 0;
    return sorted.find(({ tokens }) => (passed += tokens) >= rank)?.seconds;
  }
}

const OVERDUE = 'Since when a town has something to do, by the directory, and has not said that it did it.';

const family = (name: string, help: string, samples: readonly Sample[]): MetricFamily => ({
  name,
  help,
  type: 'gauge',
  samples,
});

const JOIN = {
  sum: (one = 0, other: number) => one + other,
  most: (one = -Infinity, other: number) => Math.max(one, other),
  least: (one = Infinity, other: number) => Math.min(one, other),
} as const;

function valueOf(figure: number | undefined, as: Metric['as'], nowMs: number): number | null {
  return figure === undefined ? null : READ[as](figure, nowMs);
}

const READ: Readonly<Record<Metric['as'], (figure: number, nowMs: number) => number>> = {
  count: (figure) => figure,
  seconds: (ms) => ms / 1000,
  time: (atMs) => atMs / 1000,
  age: (atMs, nowMs) => Math.max(0, (nowMs - atMs) / 1000),
  left: (atMs, nowMs) => (atMs - nowMs) / 1000,
};
