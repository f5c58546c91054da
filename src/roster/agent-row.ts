import type { AgentId, AgentState, Role, Scope, SessionId, StallReason } from '#protocol';
import type { Agent } from './agent.ts';

/** A row of the table `agents`. */
export type AgentRow = {
  id: AgentId;
  name: string;
  role: Role;
  scopes: string;
  state: AgentState;
  inc: number;
  container: number;
  session: SessionId | null;
  process_id: number | null;
  created_at_ms: number;
  last_heard_at_ms: number | null;
  reported: number;
  start_due_at_ms: number | null;
  start_tries: number;
  end_due_at_ms: number | null;
  end_tries: number;
  watched_from_ms: number;
  progress_at_ms: number | null;
  look_at_ms: number | null;
  stalled_why: StallReason | null;
  stalled_at_ms: number | null;
  restarts: number;
  revive_at_ms: number | null;
};

/** What may be due of an agent, each with a column and an index of its own. */
export const DUE_COLUMNS = {
  start: 'start_due_at_ms',
  end: 'end_due_at_ms',
  livenessCheck: 'look_at_ms',
  revival: 'revive_at_ms',
} as const;
export type AgentDue = keyof typeof DUE_COLUMNS;

/** The agent that a row holds. */
export function toAgent(row: AgentRow): Agent {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    // Written by `add` from this very type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    scopes: row.scopes.split(' ').filter(Boolean) as Scope[],
    state: row.state,
    inc: row.inc,
    container: row.container,
    session: row.session,
    processId: row.process_id,
    createdAtMs: row.created_at_ms,
    lastHeardAtMs: row.last_heard_at_ms,
    reported: row.reported,
    startDueAtMs: row.start_due_at_ms,
    startTries: row.start_tries,
    endDueAtMs: row.end_due_at_ms,
    endTries: row.end_tries,
    watchedFromMs: row.watched_from_ms,
    progressAtMs: row.progress_at_ms,
    livenessCheckAtMs: row.look_at_ms,
    stalledWhy: row.stalled_why,
    stalledAtMs: row.stalled_at_ms,
    restarts: row.restarts,
    reviveAtMs: row.revive_at_ms,
  };
}
