import type { DesignEnv } from './designs/design.ts';
import type { Bare } from './bare.ts';
import type { PackageAgent } from './designs/package-agent.ts';
import type { PollQueue } from './designs/poll-queue.ts';
import type { SharedToken } from './designs/shared-token.ts';
import type { Town } from './town.ts';

/** What the benchmarks bind: what the product has, the town with its further doors, and what they are compared with. */
export interface BenchEnv extends Omit<DesignEnv, 'TOWN'> {
  readonly TOWN: DurableObjectNamespace<Town>;
  readonly BARE: DurableObjectNamespace<Bare>;
  readonly PACKAGE_AGENT: DurableObjectNamespace<PackageAgent>;
  readonly POLL_QUEUE: DurableObjectNamespace<PollQueue>;
  readonly SHARED_TOKEN: DurableObjectNamespace<SharedToken>;
  /** The one control server. */
  readonly CONTAINER_URL: string;
}
