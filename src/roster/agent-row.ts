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

/** As indexes have it, which do not change with each move of an agent. */
export const LIVE = 'retired = 0';
/** The others, in the order of their retirements: 1, or one more than the greatest that is there. */
export const RETIRED = 'retired > 0';
/** Of these those whose end is confirmed. */
export const OVER = `${RETIRED} AND session IS NULL AND end_due_at_ms IS NULL`;
/** With `look_at_ms`, the index `agents_at_work` has these and no others. */
export const AT_WORK = "state IN ('working', 'stalled')";

/** What may be due of an agent, each with a column and an index of its own. */
export const DUE_COLUMNS = {
  start: 'start_due_at_ms',
  end: 'end_due_at_ms',
  livenessCheck: 'look_at_ms',
  revival: 'revive_at_ms',
} as const;
export type AgentDue = keyof typeof DUE_COLUMNS;

/** As the index of the column has it. */
export const withTime = (what: AgentDue): string =>
  what === 'livenessCheck' ? `${AT_WORK} AND ${DUE_COLUMNS[what]}` : DUE_COLUMNS[what];

/** Few are live, and no index has both them alone and their ids. */
export const byId = (agents: readonly Agent[]): Agent[] =>
  agents.toSorted((one, other) => (one.id < other.id ? -1 : 1));

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
