/** Who lives in a town: an agent, its states and the moves between them. Pure. */
import {
  ROLES,
  type AgentId,
  type AgentState,
  type Role,
  type Scope,
  type SessionId,
  type StallReason,
} from '#protocol';

/** Whether an agent of this role may be granted all of these scopes. */
export function isWithinRole(role: Role, scopes: readonly Scope[]): boolean {
  const most: readonly Scope[] = ROLES[role];
  return scopes.every((scope) => most.includes(scope));
}

/**
 * Signs of life of an agent are written at most so often (ms). In between they are kept in memory; an object that was
 * evicted since has what the row says, which is older than the truth by less than this.
 */
export const HEARD_WRITTEN_EVERY_MS = 60_000;

/** One agent: who it is, where it runs, and what is planned for it. Its token is elsewhere, in `agent_tokens`. */
export interface Agent {
  readonly id: AgentId;
  readonly name: string;
  readonly role: Role;
  readonly scopes: readonly Scope[];
  readonly state: AgentState;
  /** Incarnation: one start of this agent; only grows. */
  readonly inc: number;
  /** Index of the container that it is placed in. */
  readonly container: number;
  /** Session in which this incarnation was started, or null: it runs nowhere. */
  readonly session: SessionId | null;
  readonly processId: number | null;
  readonly createdAtMs: number;
  readonly lastHeardAtMs: number | null;
  /** Counter of the last batch of events of this incarnation. */
  readonly reported: number;
  /** When a start, or the confirmation of a stop or teardown, is tried next. */
  readonly startDueAtMs: number | null;
  readonly startTries: number;
  readonly endDueAtMs: number | null;
  readonly endTries: number;
  /** Since when signs of life are expected of it: it began to work, or the town came back from being away. */
  readonly watchedFromMs: number;
  /** When it last showed output, by the town's clock, or null: never. */
  readonly progressAtMs: number | null;
  /** When its next liveness check is, or null: no sign of life is expected. */
  readonly livenessCheckAtMs: number | null;
  readonly stalledWhy: StallReason | null;
  readonly stalledAtMs: number | null;
  /** How often it was started again since its last finished turn. */
  readonly restarts: number;
  /** When it is tried again after it has failed, or null. */
  readonly reviveAtMs: number | null;
}

/** When an agent was heard last, and showed output last. */
type LastHeard = Pick<Agent, 'lastHeardAtMs' | 'progressAtMs'>;

/** Whether signs of life are written again: one of the two times moved by a minute, or the clock was set back. */
export function isHeardWorthARow(written: LastHeard, last: LastHeard): boolean {
  if (last.lastHeardAtMs === null) return false;
  const since = written.lastHeardAtMs === null ? Number.POSITIVE_INFINITY : last.lastHeardAtMs - written.lastHeardAtMs;
  if (since >= HEARD_WRITTEN_EVERY_MS || since < 0) return true;
  return (last.progressAtMs ?? 0) - (written.progressAtMs ?? 0) >= HEARD_WRITTEN_EVERY_MS;
}

/** What is written with a move; what is left out stays as it is, and a stall ends with the state. */
export type MovedWith = Partial<
  Pick<Agent, 'stalledWhy' | 'stalledAtMs' | 'watchedFromMs' | 'livenessCheckAtMs' | 'reported'>
>;

const MOVES: Readonly<Record<AgentState, readonly AgentState[]>> = {
  starting: ['starting', 'idle', 'stopped', 'failed', 'retired'],
  idle: ['idle', 'starting', 'working', 'stopped', 'failed', 'retired'],
  working: ['working', 'idle', 'stalled', 'starting', 'stopped', 'failed', 'retired'],
  stalled: ['stalled', 'working', 'idle', 'starting', 'stopped', 'failed', 'retired'],
  stopped: ['stopped', 'starting', 'retired'],
  failed: ['failed', 'starting', 'stopped', 'retired'],
  retired: ['retired'],
};

/** Whether an agent in `from` may become `to`. `retired` is final (T9). */
export function canMove(from: AgentState, to: AgentState): boolean {
  return MOVES[from].includes(to);
}

/** Working agents use their token now: these, and only these, a sweep refreshes. */
export function needsSweep(state: AgentState): boolean {
  return state === 'working' || state === 'stalled';
}

/** Whether messages are handed to an agent in this state; elsewhere they wait. */
export function takesMessages(state: AgentState): boolean {
  return state === 'idle' || state === 'working' || state === 'stalled';
}

/** Where agents live, and where they may. */
export interface Housing {
  /** Live agents by container. */
  readonly population: ReadonlyMap<number, number>;
  /** Agents a container. */
  readonly capacity: number;
  /** Containers that were abandoned because they were silent. */
  readonly lost: ReadonlySet<number>;
  /** Addresses that containers take by turns: those whose indexes differ by a multiple of it share one. */
  readonly addresses: number;
}

/** The first container, by index, with room for one more, at an address that is not lost; where all are lost, the first with room. */
export function place(housing: Housing): number {
  const { population, capacity } = housing;
  const among = isAllLost(housing) ? { ...housing, lost: new Set<number>() } : housing;
  let index = 0;
  while ((population.get(index) ?? 0) >= capacity || isLost(among, index)) index += 1;
  return index;
}

/** Where an agent starts next: where it was, or, where that is lost and another address is not, elsewhere. */
export function placeAgain(from: number, housing: Housing): number {
  return isLost(housing, from) && !isAllLost(housing) ? place(housing) : from;
}

function isLost({ lost, addresses }: Housing, index: number): boolean {
  return [...lost].some((other) => other % addresses === index % addresses);
}

function isAllLost({ lost, addresses }: Housing): boolean {
  return new Set([...lost].map((index) => index % addresses)).size >= addresses;
}
