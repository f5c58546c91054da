/** What the supervisor asks of a process that runs an agent: small enough for a child process behind a protocol. */
import type {
  AgentId,
  DeliveredMessage,
  EarlierTurn,
  ExitReason,
  Launch,
  PermissionId,
  StartFailure,
  TurnEvent,
} from '#protocol';
import type { TownTools } from '../clients/town-tools.ts';

/** What a process gets when it starts. Its token is not among it: the supervisor calls the town on its behalf. */
export interface AgentLaunch {
  readonly agent: AgentId;
  readonly inc: number;
  readonly name: string;
  readonly role: string;
  /** Null: the built-in agent. */
  readonly runtime: Launch | null;
  /** Its last turns with people, the oldest first. */
  readonly earlier: readonly EarlierTurn[];
  /** Generation of the token that the agent's last call to the town carried; null before the first. */
  readonly lastGeneration: () => number | null;
  /** What it may ask of the town, in the turn that `traceparent` is of; trying again ends with `until`. */
  readonly town: (until: AbortSignal, traceparent: string | null) => TownTools;
  readonly townNowMs: () => number;
}

type OfTurn<E> = E extends { readonly message: unknown } ? Omit<E, 'message' | 'attempt' | 'at'> : never;
/** What is shown of a turn beside its text; the queue adds which turn it is, and when. */
export type ShownEvent = OfTurn<
  Extract<TurnEvent, { readonly type: 'turn.tool_call' | 'turn.plan' | 'permission.requested' | 'permission.resolved' }>
>;

/** What an agent lets be seen in the middle of a turn: a piece of its text or of its thoughts, what it is at, or what it does. */
export type TurnOutput =
  | { readonly kind: 'text' | 'thought'; readonly text: string }
  | { readonly kind: 'task'; readonly task: string }
  | { readonly kind: 'event'; readonly event: ShownEvent };

/** One turn, handed to the process. */
export interface Prompt {
  readonly message: DeliveredMessage;
  readonly emit: (output: TurnOutput) => void;
  /** Of the turn's span, for what is done in it; null: it belongs to no trace. */
  readonly traceparent: string | null;
  /** Aborts when the turn is interrupted or the agent is stopped: what it comes to is of no interest then, only that it ends. */
  readonly signal: AbortSignal;
}

/** How a process ended that was not asked to. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly reason: ExitReason;
  readonly detail: string;
  /** The end of what it wrote to stderr, without the values of its secrets. */
  readonly stderr: string;
}

/** A process that runs one incarnation of one agent. */
export interface AgentProcess {
  readonly processId: number;
  /** Resolves when it takes prompts; rejects with `ProcessGone` where it never will. */
  readonly ready: Promise<void>;
  /** Resolves when it is gone without having been stopped; never rejects. */
  readonly ended: Promise<ProcessEnd>;
  /**
   * Works on one message and resolves to the reply; rejects where the turn fails, with a message for the sender, and with
   * `ProcessGone` where the process is. One at a time.
   */
  prompt(prompt: Prompt): Promise<string>;
  /** Answers what it asks; null: `cancelled`. False where it asks no such thing, or has no such option. */
  answer(permission: PermissionId, option: string | null): boolean;
  /** Resolves when the process is gone, by force if need be. Never rejects; may be called again. */
  stop(): Promise<void>;
}

/**
 * Starts the process of an agent; resolves when there is one, which need not take prompts yet. Rejects with `StartError` where none
 * can be made. Its token is in the cell by then (M-09). `life` aborts when the agent is stopped, also while it starts: what was
 * begun is ended then, and the promise rejects, so that no start delays a stop.
 */
export type Spawn = (launch: AgentLaunch, life: AbortSignal) => Promise<AgentProcess>;

/** No process could be made. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: StartFailure;

  /** `message`: for the person who chose the command. */
  constructor(reason: StartFailure, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The process is gone: a turn under way has no result, and runs again in the next incarnation. */
export class ProcessGone extends Error {
  override readonly name = 'ProcessGone';
}
