/** Ends turns before their agents do. The control server reports the end like that of any other turn. */
import type { AgentId, AgentInterrupted, InterruptAgent } from '#protocol';
import { err, ok, type Result } from '#lib/result.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import { agentGone } from '../agents/agent-gone.ts';
import { recordAnswer } from '../containers/containers.ts';
import { inSlot } from '../containers/in-slot.ts';
import type { TownPorts } from '../ports.ts';

/** `not_supported`: its control server does not know the request. `unavailable`: the agent was not reached. */
export type InterruptRefusal = 'not_found' | 'agent_retired' | 'not_supported' | 'unavailable';

/** Ends the turn that the agent is in, and returns which agent that is. Nothing to end is a success. */
export async function interruptAgent(p: TownPorts, idOrName: string): Promise<Result<AgentId, InterruptRefusal>> {
  const agent = p.agents.find(idOrName);
  if (agent === null) return err('not_found');
  if (agent.state === 'retired') return err('agent_retired');
  // By name where the town knows which: an interrupt that comes late does not end the next turn instead.
  const working = p.messages.handedOver(agent.id).find(({ state }) => state === 'working');
  const answer = await sendInterrupt(p, agent.id, working === undefined ? {} : { message: working.id });
  const isRefused = answer?.kind === 'unreachable' && answer.reason === 'refused' && answer.rejected === undefined;
  if (isRefused) return err('not_supported');
  const isEnded = answer === null || (answer.kind === 'answered' && RUNS.includes(answer.value.outcome));
  return isEnded ? ok(agent.id) : err('unavailable');
}

/** Outcomes of an agent that runs there; any other one is gone, and what it was at runs again. */
const RUNS: readonly AgentInterrupted['outcome'][] = ['interrupted', 'idle'];

/** Null: it runs nowhere. In its turn after a delivery under way, so that it ends what that one brings. */
export async function sendInterrupt(
  p: TownPorts,
  id: AgentId,
  which: Which,
): Promise<LinkAnswer<AgentInterrupted> | null> {
  const { container } = p.agents.get(id) ?? { container: 0 };
  return inSlot<LinkAnswer<AgentInterrupted> | null>(p, {
    pool: 'delivery',
    container,
    mayAskInBackoff: true,
    work: () => attempt(p, id, which),
    inBackoff: () => ({
      kind: 'unreachable',
      reason: 'timeout',
      retryAfterMs: 0,
      detail: 'its container does not answer',
    }),
  });
}

type Which = Omit<InterruptAgent, 'inc'>;

async function attempt(p: TownPorts, id: AgentId, which: Which): Promise<LinkAnswer<AgentInterrupted> | null> {
  const agent = p.agents.get(id);
  if (agent === null || agent.session === null) return null;
  const answer = await p
    .link(agent.container)
    .call('interrupt', agent.session, { agent: id, body: { inc: agent.inc, ...which } });
  recordAnswer(p, agent.container, answer);
  if (answer.kind === 'asleep') {
    p.transaction(() => agentGone(p, agent, { why: 'asleep', containerRuns: false }));
  } else if (answer.kind === 'answered') {
    const { outcome } = answer.value;
    if (outcome === 'unknown_agent' || outcome === 'incarnation_mismatch') {
      p.transaction(() => agentGone(p, agent, { why: outcome, containerRuns: true }));
    }
  }
  return answer;
}
