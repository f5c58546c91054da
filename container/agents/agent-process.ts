/** What the supervisor asks of a process that runs an agent: small enough for a child process behind a protocol. */
import type { AgentId, DeliveredMessage, PermissionId } from '#protocol';
import type { TownTools } from '../clients/town-tools.ts';

/** What a process is told when it starts. Its token is not among it: the supervisor calls the town on its behalf. */
export interface AgentLaunch {
  readonly agent: AgentId;
  readonly inc: number;
  readonly name: string;
  readonly role: string;
  /** Generation of the token that the agent's last call to the town carried; null before the first. */
  readonly lastGeneration: () => number | null;
  /** What it may ask of the town. */
  readonly town: TownTools;
}

/** What an agent lets be seen in the middle of a turn: a piece of its text, or what it is at. */
export type TurnOutput =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'task'; readonly task: string };

/** One turn, handed to the process. */
export interface Prompt {
  readonly message: DeliveredMessage;
  readonly emit: (output: TurnOutput) => void;
  /** Aborts when the turn is interrupted or the agent is stopped: what it comes to is of no interest then, only that it ends. */
  readonly signal: AbortSignal;
}

/** A process that runs one incarnation of one agent. */
export interface AgentProcess {
  readonly processId: number;
  /** Works on one message and resolves to the reply; rejects where the turn fails, with a message for the sender. One at a time. */
  prompt(prompt: Prompt): Promise<string>;
  /** Answers what it asks; null: `cancelled`. False where it asks no such thing, or has no such option. */
  answer(permission: PermissionId, option: string | null): boolean;
  /** Resolves when the process is gone, by force if need be. Never rejects; may be called again. */
  stop(): Promise<void>;
}

/**
 * Starts the process of an agent; resolves when it takes prompts. Its token is in the cell by then (M-09). `life` aborts when the
 * agent is stopped, also while it starts: what was begun is ended then, and the promise rejects, so that no start holds up a stop.
 */
export type Spawn = (launch: AgentLaunch, life: AbortSignal) => Promise<AgentProcess>;
