import type { Agent } from '../roster/agent.ts';
import type { TownPorts } from './ports.ts';
import { batches, pushBatch, reportOf } from './refresh-sweep.ts';
import type { SweepReport } from './sweep-store.ts';

/**
 * A person's refresh, now: ages, throttles and holds are passed over, and the answer is what the containers really did with
 * each agent (K-05, A-14). With `revokeOlder`, everything older is refused from the moment the new token is acked.
 */
export async function forceRefresh(p: TownPorts, agents: readonly Agent[], revokeOlder: boolean): Promise<SweepReport> {
  const cut = revokeOlder ? (agent: Agent, gen: number) => p.tokens.cutAt(agent.id, gen) : undefined;
  const results = await Promise.all(
    batches(agents).map((batch) => {
      return p.slots.run('sweep', batch[0]?.container ?? 0, () => pushBatch(p, batch, 'force', cut));
    }),
  );
  return reportOf(results.flat());
}
