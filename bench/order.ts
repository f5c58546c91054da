/** One thing that the harness asks the Worker for. `n`: how often; `lanes`: how many at a time. */
export interface Order {
  readonly side: string;
  readonly town: string;
  readonly n: number;
  readonly lanes: number;
  /** Names, or ids. */
  readonly agents: readonly string[];
}

/** Where the control server says how many requests it has got and made; this one does not count. */
export const REQUESTS = '/bench/requests';
