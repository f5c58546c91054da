/** What the control server tells of itself to a Prometheus on its own machine. */
import { EXPOSITION_TYPE, exposition, type MetricFamily, type Sample } from '#lib/exposition.ts';
import type { Metrics } from './lib/metrics.ts';

/** What is there at the moment of a scrape. */
export interface ServerState {
  readonly sessions: number;
  /** Agents that run, by whether a message of theirs is unfinished. */
  readonly working: number;
  readonly idle: number;
  /** Agents whose token is held, and clients that get each new one. */
  readonly registered: number;
  readonly clients: number;
}

/** What the system says of the process. */
export interface ProcessState {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startedAtSeconds: number;
}

/** What is counted, and the text of all of it. */
export interface ScrapedMetrics extends Metrics {
  /** Answers `GET /metrics`; everything else is 404 or 405. */
  serve(request: Request, state: ServerState & ProcessState): Response;
}

const PREFIX = 'reeve_container_';

/** Counts in memory, from nothing. */
export function scrapedMetrics(): ScrapedMetrics {
  const swaps = new Counts('token_swaps', 'Tokens that were handed in, by what became of them.', 'outcome');
  const starts = new Counts('process_starts', 'Starts of agents: started, or why not.', 'outcome');
  const exits = new Counts('process_exits', 'Processes of agents that ended by themselves, by why.', 'reason');
  const turns = new Counts('turns', 'Turns that came to their end, by state.', 'state');
  const batches = new Counts('event_batches', 'Batches of events sent to towns; all but ok are repeated.', 'outcome');
  const requests = new Durations();
  const counted = [swaps, starts, exits, turns, batches, requests];
  return {
    answered: (method, route, status, ms) => {
      // The names that OpenTelemetry has for them.
      const labels = { http_request_method: method, http_route: route, http_response_status_code: String(status) };
      requests.add(labels, ms / 1000);
    },
    swapped: (outcome) => swaps.add(outcome),
    started: (outcome) => starts.add(outcome),
    happened: (event) => {
      if (event.type === 'turn.finished') turns.add(event.result.state);
      if (event.type === 'process.exited') exits.add(event.reason);
    },
    reported: (outcome) => batches.add(outcome),
    serve: (request, state) => {
      if (new URL(request.url).pathname !== '/metrics') return new Response(null, { status: 404 });
      if (request.method !== 'GET') return new Response(null, { status: 405, headers: { allow: 'GET' } });
      const text = exposition([...stateFamilies(state), ...counted.map((one) => one.family())]);
      return new Response(text, { headers: { 'content-type': EXPOSITION_TYPE } });
    },
  };
}

/** A counter with one label. */
class Counts {
  readonly #about: Pick<MetricFamily, 'name' | 'help'>;
  readonly #label: string;
  readonly #counts = new Map<string, number>();

  constructor(name: string, help: string, label: string) {
    this.#about = { name: `${PREFIX}${name}_total`, help };
    this.#label = label;
  }

  add(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }

  family(): MetricFamily {
    const samples = Array.from(this.#counts, ([kind, value]): Sample => ({ labels: { [this.#label]: kind }, value }));
    return { ...this.#about, type: 'counter', samples };
  }
}

/** As OpenTelemetry advises for the duration of requests (s). */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, Infinity];

/** The duration of requests, as a histogram. */
class Durations {
  readonly #series = new Map<string, { labels: Sample['labels']; counts: number[]; sum: number }>();

  add(labels: Sample['labels'], seconds: number): void {
    const key = JSON.stringify(labels);
    const series = this.#series.get(key) ?? { labels, counts: BOUNDS.map(() => 0), sum: 0 };
    this.#series.set(key, series);
    series.counts = series.counts.map((count, at) => count + Number(seconds <= (BOUNDS[at] ?? 0)));
    series.sum += seconds;
  }

  family(): MetricFamily {
    const samples = [...this.#series.values()].flatMap(({ labels, counts, sum }): Sample[] => [
      ...BOUNDS.map((bound, at): Sample => {
        const le = bound === Infinity ? '+Inf' : String(bound);
        return { labels: { ...labels, le }, value: counts[at] ?? 0, suffix: '_bucket' };
      }),
      { labels, value: sum, suffix: '_sum' },
      { labels, value: counts.at(-1) ?? 0, suffix: '_count' },
    ]);
    const help = 'Duration of requests to the control API, which pushes of tokens and messages are among.';
    return { name: 'http_server_request_duration_seconds', help, type: 'histogram', samples };
  }
}

function stateFamilies(state: ServerState & ProcessState): MetricFamily[] {
  const one = (name: string, help: string, value: number, type: 'gauge' | 'counter' = 'gauge'): MetricFamily => ({
    name,
    help,
    type,
    samples: [{ labels: {}, value }],
  });
  const agents = [
    { labels: { state: 'working' }, value: state.working },
    { labels: { state: 'idle' }, value: state.idle },
  ];
  const ofAgents = 'Agents that run, by state: working, where a message of theirs is unfinished.';
  return [
    one(`${PREFIX}sessions`, 'Sessions that are held, one for each container of a town.', state.sessions),
    { name: `${PREFIX}agents`, help: ofAgents, type: 'gauge', samples: agents },
    one(`${PREFIX}registry_agents`, 'Agents whose token is held.', state.registered),
    one(`${PREFIX}registry_clients`, 'Clients of these that get each new token.', state.clients),
    one('process_cpu_seconds_total', 'CPU time of this process, in user and system mode.', state.cpuSeconds, 'counter'),
    one('process_resident_memory_bytes', 'Memory that this process has in use.', state.residentBytes),
    one('process_start_time_seconds', 'When this process began.', state.startedAtSeconds),
  ];
}
