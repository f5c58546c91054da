import type { AgentId, AgentState, Role, Scope, SessionId, StallReason } from '#protocol';
import type { Agent } from './agent.ts';

/** The columns of the table that make an agent, in the order of a row. */
export const AGENT_COLUMNS = `id, name, role, scopes, state, inc, container, session, process_id, created_at_ms, last_heard_at_ms, reported,
  start_due_at_ms, start_tries, end_due_at_ms, end_tries, watched_from_ms, progress_at_ms, look_at_ms, stalled_why, stalled_at_ms, restarts, revive_at_ms`;

/** A row of them. As a list: the platform takes twice as long to make an object of it. */
export type AgentRow = [
  id: AgentId,
  name: string,
  role: Role,
  scopes: string,
  state: AgentState,
  inc: number,
  container: number,
  session: SessionId | null,
  processId: number | null,
  createdAtMs: number,
  lastHeardAtMs: number | null,
  reported: number,
  startDueAtMs: number | null,
  startTries: number,
  endDueAtMs: number | null,
  endTries: number,
  watchedFromMs: number,
  progressAtMs: number | null,
  livenessCheckAtMs: number | null,
  stalledWhy: StallReason | null,
  stalledAtMs: number | null,
  restarts: number,
  reviveAtMs: number | null,
];

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
  const [
    id,
    name,
    role,
    scopes,
    state,
    inc,
    container,
    session,
    processId,
    createdAtMs,
    lastHeardAtMs,
    reported,
    startDueAtMs,
    startTries,
    endDueAtMs,
    endTries,
    watchedFromMs,
    progressAtMs,
    livenessCheckAtMs,
    stalledWhy,
    stalledAtMs,
    restarts,
    reviveAtMs,
  ] = row;
  return {
    id,
    name,
    role,
    // Written by `add` from this very type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    scopes: scopes.split(' ').filter(Boolean) as Scope[],
    state,
    inc,
    container,
    session,
    processId,
    createdAtMs,
    lastHeardAtMs,
    reported,
    startDueAtMs,
    startTries,
    endDueAtMs,
    endTries,
    watchedFromMs,
    progressAtMs,
    livenessCheckAtMs,
    stalledWhy,
    stalledAtMs,
    restarts,
    reviveAtMs,
  };
}
