import type {
  AgentId,
  DeliveredMessage,
  IssuedToken,
  HeldMessage,
  MessageId,
  PermissionId,
  StartAgent,
  SwapOutcome,
  TurnEvent,
} from '#protocol';
import { AgentClient } from '../clients/agent-client.ts';
import { Cell } from '../clients/cell.ts';
import { EventReporter } from '../clients/event-reporter.ts';
import { Heartbeat } from '../clients/heartbeat.ts';
import { refreshAtHalfLife } from '../clients/half-life.ts';
import { Puller, type PullAddress } from '../clients/puller.ts';
import type { ClientRegistry, RegistryEntry } from '../clients/registry.ts';
import { townTools } from '../clients/town-tools.ts';
import { atMost } from '../lib/clock.ts';
import { errorFields } from '../lib/log.ts';
import type { Platform } from '../lib/platform.ts';
import type { AgentLaunch, AgentProcess, ProcessEnd, Spawn } from './agent-process.ts';
import { TurnQueue } from './turn-queue.ts';
import { TurnTrace } from './turn-trace.ts';

/** What is known of the end of a process reaches the town within this (ms), or is lost with its incarnation. */
const LAST_REPORT_MS = 15_000;

/** What all agents of one session have in common. */
export interface AgentContext {
  readonly platform: Platform;
  readonly apiUrl: string;
  readonly registry: ClientRegistry;
  readonly spawn: Spawn;
  /** Removes what an agent has left on the disk, once it is retired. Never rejects. */
  readonly forget?: (agent: AgentId) => Promise<void>;
  readonly heartbeatMs: number;
  readonly townNowMs: () => number;
  /** Takes over the time that the town answered a pull with, which was asked at `askedAtMonoMs`. */
  readonly rebaseTownClock: (answeredAtTownMs: number, askedAtMonoMs: number) => void;
  readonly pullAddress: (agent: AgentId) => PullAddress;
}

/**
 * One start of one agent: its cell, its clients, its turns and its process, with one life that ends them all. Made with its
 * token already in the cell, before there is a process (M-09).
 */
export class Incarnation {
  readonly cell: Cell;
  readonly #life = new AbortController();
  readonly #entry: RegistryEntry;
  readonly #heartbeat: Heartbeat;
  readonly #reporter: EventReporter;
  readonly #turns: TurnQueue;
  readonly #process: Promise<AgentProcess>;
  readonly #context: AgentContext;
  #running: AgentProcess | null = null;
  /** Its process is gone without having been stopped. */
  #isLost = false;
  #isDraining = false;
  #gone: Promise<void> | null = null;

  constructor(context: AgentContext, order: StartAgent) {
    const { platform, apiUrl, registry, townNowMs, rebaseTownClock, heartbeatMs: intervalMs } = context;
    const life = this.#life.signal;
    this.#context = context;
    // The token and its ways in: the cell, the registry that pushes go through, the puller.
    const cell = new Cell(order.grant);
    const { agent } = cell;
    const entry = registry.open(cell, (thrown) =>
      platform.log.warn('client_failed', { agent, ...errorFields(thrown) }),
    );
    const address = (): PullAddress | null => (life.aborted ? null : context.pullAddress(agent));
    const puller = new Puller({ platform, cell, entry, address, townNowMs, rebaseTownClock, life });
    // Its ways out: one client for all that is said to the town.
    const client = new AgentClient({ platform, apiUrl, cell, puller, townNowMs, life });
    const heartbeat = new Heartbeat({ platform, client, intervalMs, status: () => turns.status, life, agent });
    const onAcknowledged = (event: TurnEvent): void => turns.acknowledge(event);
    const traceOf = (message: MessageId): string | null => turns.traceOf(message);
    const reporter = new EventReporter({ platform, client, onAcknowledged, traceOf, life, agent });
    // The work. Each turn waits for the process, and for a token that is not at its end (W-01).
    const turns: TurnQueue = new TurnQueue({
      ready: async () => {
        const process = await this.#process;
        await process.ready;
        await client.refreshAhead();
      },
      prompt: async (prompt) => {
        const process = await this.#process;
        prompt.signal.throwIfAborted();
        return process.prompt(prompt);
      },
      report: (event) => reporter.add(event),
      trace: (message) => new TurnTrace({ platform, agent, inc: cell.inc }, message),
      onWork: (working) => (working ? heartbeat.begin() : heartbeat.end()),
      mayContinue: () => !client.isOver && !this.#isLost && !this.#isDraining,
      townNowMs,
      life,
    });
    this.cell = cell;
    this.#entry = entry;
    this.#heartbeat = heartbeat;
    this.#reporter = reporter;
    this.#turns = turns;
    const { name, role, runtime, earlier } = order;
    if (runtime?.credentials === 'file') refreshAtHalfLife({ platform, cell, client, townNowMs, life });
    const lastGeneration = (): number | null => client.lastGeneration;
    const town: AgentLaunch['town'] = (until, traceparent) => townTools({ platform, client, life: until, traceparent });
    const launch: AgentLaunch = { agent, inc: cell.inc, name, role, runtime, earlier, lastGeneration, town, townNowMs };
    // In a promise from the first step on, so that a spawn which throws leaves an incarnation that can be ended.
    this.#process = Promise.resolve(launch).then((launch) => {
      life.throwIfAborted();
      return context.spawn(launch, life);
    });
  }

  /** Resolves when there is a process; rejects where none could be started. */
  async started(): Promise<void> {
    this.#running = await this.#process;
  }

  /**
   * Resolves when it has ended because its process did: how was reported to the town, as far as it could be reached, and
   * nothing of it is left. Never where it is stopped first.
   */
  async lost(): Promise<void> {
    const process = await this.#process;
    const end = await process.ended;
    if (this.isEnding) return new Promise(() => {});
    this.#isLost = true;
    this.#reporter.add(exited(end, this.#context.townNowMs()));
    await atMost(this.#context.platform.clock, LAST_REPORT_MS, this.#reporter.drained());
    await this.stop();
  }

  /** 0 until the process runs. */
  get processId(): number {
    return this.#running?.processId ?? 0;
  }

  /** Generation of the token in the cell; 0 once the cell is closed. */
  get gen(): number {
    return this.cell.token?.gen ?? 0;
  }

  /** True from the moment it is asked to stop. */
  get isEnding(): boolean {
    return this.#gone !== null;
  }

  swap(token: IssuedToken): Exclude<SwapOutcome, 'retired'> {
    return this.#entry.swap(token);
  }

  deliver(messages: readonly DeliveredMessage[]): HeldMessage[] {
    return this.#turns.deliver(messages);
  }

  /** Ends the turn under way, or that of one message; false where there is none. */
  interrupt(message: MessageId | null): boolean {
    return this.#turns.interrupt(message);
  }

  /** Ends the turn of a cancelled message, now or when its delivery comes; false where there is none yet. */
  withdraw(message: MessageId): boolean {
    return this.#turns.withdraw(message);
  }

  /** Hands a person's answer to the agent; false where it does not ask this, or has no such option. */
  answerPermission(permission: PermissionId, option: string | null): boolean {
    return this.#running?.answer(permission, option) ?? false;
  }

  /** It has messages that are not done, or results that the town has not acknowledged. */
  get isAtWork(): boolean {
    return this.#turns.hasUnsettled;
  }

  held(): HeldMessage[] {
    return this.#turns.held();
  }

  /** Resolves when everything that happened so far is acknowledged by the town. */
  reported(): Promise<void> {
    return this.#reporter.drained();
  }

  /** Begins no turn from here on; resolves when the one under way is over. */
  drain(): Promise<void> {
    this.#isDraining = true;
    return this.#turns.rested();
  }

  /**
   * Ends it. The key, the token, the timers and the queue are gone before this returns; the promise resolves when its loops are
   * over and the process is gone too (M-21). Idempotent: one stop for all callers.
   */
  stop(): Promise<void> {
    this.#gone ??= this.#end();
    return this.#gone;
  }

  async #end(): Promise<void> {
    this.#entry.release();
    this.#life.abort();
    // Where the start itself failed there is no process to stop; `started` has said so.
    const process = await this.#process.catch(() => null);
    await Promise.all([process?.stop(), this.#heartbeat.ended(), this.#reporter.drained()]);
  }
}

function exited(end: ProcessEnd, nowMs: number): TurnEvent {
  const { exitCode: exit_code, signal, reason, detail, stderr } = end;
  return { type: 'process.exited', at: new Date(nowMs).toISOString(), exit_code, signal, reason, detail, stderr };
}
