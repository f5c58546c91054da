/** What an agent asked before it did something, and what became of it. */
import type { AgentId, MessageId, PermissionId, PermissionOption, PermissionState, ResolvedBy } from '#protocol';

/** One question of an agent, and its answer once there is one. */
export interface Permission {
  readonly seq: number;
  readonly id: PermissionId;
  readonly agent: AgentId;
  /** The incarnation that asked. */
  readonly inc: number;
  readonly message: MessageId;
  readonly attempt: number;
  readonly title: string;
  readonly kind: string;
  /** What the tool would be given, as text. */
  readonly input: string;
  readonly options: readonly PermissionOption[];
  readonly state: PermissionState;
  readonly requestedAtMs: number;
  readonly expiresAtMs: number;
  /** The option that was chosen; null with an answer: none, it is cancelled. */
  readonly option: string | null;
  /** Who answered, `person:<id>`, or null. */
  readonly answeredBy: string | null;
  readonly answeredAtMs: number | null;
  readonly resolvedBy: ResolvedBy | null;
  readonly resolvedAtMs: number | null;
  /** When its answer is sent again, or it is closed for want of one; null once it is over. */
  readonly dueAtMs: number | null;
  readonly tries: number;
}
