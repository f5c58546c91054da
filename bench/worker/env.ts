import type { Env } from '../../src/bindings.ts';
import type { Bare } from './bare.ts';
import type { Town } from './town.ts';

/** What the benchmarks bind: what the product has, the town with its further doors, and the object that does next to nothing. */
export interface BenchEnv extends Omit<Env, 'TOWN'> {
  readonly TOWN: DurableObjectNamespace<Town>;
  readonly BARE: DurableObjectNamespace<Bare>;
  /** The one control server. */
  readonly CONTAINER_URL: string;
}
