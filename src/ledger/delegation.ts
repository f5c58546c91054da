/** A task that one agent hands to another of its town: its states, and the moves between them. Pure. */
import {
  MAX_BODY_BYTES,
  MAX_DELEGATION_DEPTH,
  jsonBytes,
  type AgentId,
  type DelegationId,
  type DelegationState,
  type MessageId,
} from '#protocol';

/** A task that one agent gave to another, and what came of it. */
export interface Delegation {
  /** Order in the town, from 1. */
  readonly seq: number;
  readonly id: DelegationId;
  readonly from: AgentId;
  readonly to: AgentId;
  /** The delegation that `from` worked on when it made this one. */
  readonly parent: DelegationId | null;
  /** 1, or one more than the parent's. */
  readonly depth: number;
  readonly state: DelegationState;
  readonly task: string;
  readonly createdAtMs: number;
  readonly deadlineAtMs: number;
  readonly finishedAtMs: number | null;
  /** What the target says came of it. */
  readonly result: string | null;
  /** Why the town ended it. */
  readonly error: 'agent_retired' | null;
  /** When its end is announced to `from`, or null: it is not over, was announced, or `from` is retired. */
  readonly announceAtMs: number | null;
  readonly announcedAtMs: number | null;
  /** Whether a result from an agent other than the target was reported in an event already. */
  readonly warned: boolean;
}

/** A delegation without its texts, of which each may have 64 KiB. */
export type DelegationHead = Omit<Delegation, 'task' | 'result'>;

/** Announcements to one agent come at least so far apart (ms); what ends meanwhile is announced together. */
export const ANNOUNCEMENT_COOLDOWN_MS = 60_000;

/** Whether a delegation in this state is over: no end is ever left. */
export function isOver(state: DelegationState): boolean {
  return state !== 'open';
}

/**
 * Depth of a delegation that `caller` makes for `parent`; refused where the parent is not the caller's to work on any more, or
 * the chain would be too long. The depth comes from the stored rows, never from the caller.
 */
export function depthUnder(parent: DelegationHead | null, caller: AgentId): number | 'parent_not_open' | 'too_deep' {
  if (parent === null) return 1;
  if (parent.to !== caller || isOver(parent.state)) return 'parent_not_open';
  return parent.depth >= MAX_DELEGATION_DEPTH ? 'too_deep' : parent.depth + 1;
}

/** When an end is announced: at once, or when the cooldown after the last announcement to the same agent is over. */
export function announceAt(lastMs: number | null, nowMs: number): number {
  return lastMs === null ? nowMs : Math.max(nowMs, lastMs + ANNOUNCEMENT_COOLDOWN_MS);
}

/** What an open one counts as, in bytes of JSON text: its task, and a result that is as long as one may be. */
export function openBytes(task: string): number {
  return jsonBytes(task) + MAX_BODY_BYTES;
}

/** The message that hands a delegation over: each has one, so a repeated call makes no second one. */
export function taskMessage(id: DelegationId): MessageId {
  return `msg_${id.slice('dlg_'.length)}`;
}
