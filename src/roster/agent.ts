/** Who lives in a town: an agent, its states and the moves between them. Pure. */
import type { AgentId, SessionId } from '#protocol';

export const AGENT_STATES = ['starting', 'idle', 'working', 'stalled', 'stopped', 'failed', 'retired'] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/** What an agent may ask of the town; the `scope` of its tokens. */
export const SCOPES = ['heartbeat', 'events', 'mail', 'peers', 'delegate', 'exchange', 'agents'] as const;
export type Scope = (typeof SCOPES)[number];

/** A role is a named set of scopes: the most that an agent of this role may be granted. */
export const ROLES = {
  worker: ['heartbeat', 'events', 'mail', 'peers', 'delegate'],
  mayor: SCOPES,
} as const satisfies Record<string, readonly Scope[]>;
export type Role = keyof typeof ROLES;

/** Whether an agent of this role may be granted all of these scopes. */
export function isWithinRole(role: Role, scopes: readonly Scope[]): boolean {
  const most: readonly Scope[] = ROLES[role];
  return scopes.every((scope) => most.includes(scope));
}

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
}

const MOVES: Readonly<Record<AgentState, readonly AgentState[]>> = {
  starting: ['starting', 'idle', 'stopped', 'failed', 'retired'],
  idle: ['idle', 'starting', 'working', 'stopped', 'retired'],
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

/** The container with room for one more, by index: the first that holds fewer than `capacity` live agents. */
export function placeInFirstWithRoom(population: ReadonlyMap<number, number>, capacity: number): number {
  let index = 0;
  while ((population.get(index) ?? 0) >= capacity) index += 1;
  return index;
}
