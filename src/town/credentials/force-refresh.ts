import type { SweepReportView } from '#protocol';
import type { Agent } from '../../roster/agent.ts';
import { inSlot } from '../containers/in-slot.ts';
import type { TownPorts } from '../ports.ts';
import { batches, notAsked, pushBatch, reportOf } from './refresh-sweep.ts';
import { sweepReportView } from '../views/views.ts';

/**
 * A person's refresh, now: ages, throttles and backoffs are passed over, and the answer is what the containers really did with
 * each agent (K-05, A-14). With `revokeOlder`, everything older is refused from the moment the new token is acked.
 */
export async function forceRefresh(
  p: TownPorts,
  agents: readonly Agent[],
  revokeOlder: boolean,
): Promise<SweepReportView> {
  const cut = revokeOlder ? { also: (agent: Agent, gen: number) => p.tokens.cutAt(agent.id, gen) } : {};
  const results = await Promise.all(
    batches(agents).map((batch) => {
      return inSlot(p, {
        pool: 'sweep',
        container: batch[0]?.container ?? 0,
        mayAskInBackoff: true,
        work: () => pushBatch(p, batch, { reason: 'force', ...cut }),
        inBackoff: () => batch.map(({ id }) => notAsked(p, id)),
      });
    }),
  );
  return sweepReportView(reportOf(results.flat()));
}
