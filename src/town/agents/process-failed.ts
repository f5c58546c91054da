/** What is known of a process that came to nothing, written down. Synchronous, inside a transaction of the caller. */
import type { TurnEvent } from '#protocol';
import type { ProcessFailure } from '../../roster/runtime-store.ts';
import type { Agent } from '../../roster/agent.ts';
import { agentGone } from './agent-gone.ts';
import type { TownPorts } from '../ports.ts';

type ProcessExited = Extract<TurnEvent, { type: 'process.exited' }>;

/** The end of what a process wrote that is kept as the reason, in UTF-16 code units; all that it sent is in the event. */
const DETAIL_UNITS = 2000;

/** A start came to nothing: why, for people. What becomes of the agent is the caller's. */
export function recordStartFailure(
  p: TownPorts,
  agent: Agent,
  { reason, detail }: Pick<ProcessFailure, 'reason' | 'detail'>,
): void {
  const now = p.clock.now();
  p.runtimes.failed(agent.id, { reason, detail, atMs: now });
  p.events.append('reeve.agent.start_failed', agent.id, { incarnation: agent.inc, reason, detail }, now);
}

/** The process of this incarnation is gone, and said so: its next one starts by the ladder of restarts. */
export function recordExit(p: TownPorts, agent: Agent, exited: ProcessExited): void {
  const now = p.clock.now();
  const { reason, exit_code, signal, stderr, detail: said = '' } = exited;
  p.runtimes.failed(agent.id, { reason, detail: describeExit(exited), atMs: now });
  const data = { incarnation: agent.inc, reason, detail: said, exit_code, signal, stderr };
  p.events.append('reeve.agent.exited', agent.id, data, now);
  agentGone(p, agent, { why: 'exited', containerRuns: true });
}

/** For the person who chose the command: what the agent said comes first, then how it ended by itself, then what it wrote last. */
function describeExit({ reason, exit_code, signal, stderr, detail = '' }: ProcessExited): string {
  const how = signal ?? (exit_code === null ? '' : `exit code ${exit_code}`);
  // One that was ended for a reason of its own was ended by our signal, which says nothing.
  const isItsOwn = reason === 'crashed' || reason === 'exited' || reason === 'out_of_memory';
  return [detail, isItsOwn ? how : '', stderr.trim().slice(-DETAIL_UNITS)].filter((part) => part !== '').join(': ');
}
