/** The agents of one session: who runs, who was stopped, who is retired. A newer session starts with an empty one. */
import type {
  AgentEnded,
  AgentId,
  AgentInterrupted,
  AgentStarted,
  AnswerPermission,
  DeliverMessages,
  EndAgent,
  IssuedToken,
  InterruptAgent,
  MessagesAccepted,
  PermissionAnswered,
  PermissionId,
  RunningAgents,
  StartAgent,
  SwapOutcome,
  SwapResult,
} from '#protocol';
import { RecentMap } from '../lib/recent-map.ts';
import { StartError } from './agent-process.ts';
import { Incarnation, type AgentContext } from './incarnation.ts';
import { KeyedQueue } from '../lib/keyed-queue.ts';

/** Tombstones and stopped incarnations that are kept per session; far more than a town has agents. */
const REMEMBERED_ENDS = 10_000;

/** Outcomes of a swap after which the messages that rode along are taken. */
const TAKING: readonly SwapOutcome[] = ['applied', 'current', 'stale'];

/** Starts, feeds, refreshes and ends agents. Every outcome that the wire knows is a value; only a start that breaks in an unforeseen way rejects. */
export class Supervisor {
  readonly #context: AgentContext;
  /** Resolves when the agents of the container's earlier session are gone: an agent never runs beside its predecessor. */
  readonly #earlierGone: Promise<void>;
  readonly #running = new Map<AgentId, Incarnation>();
  /** The highest incarnation that was stopped; a start at or below it is late. */
  readonly #stopped = new RecentMap<AgentId, number>(REMEMBERED_ENDS);
  /** Tombstones: retired stays retired (T9). */
  readonly #retired = new RecentMap<AgentId, true>(REMEMBERED_ENDS);
  /** Starts and ends of one agent wait for each other; of different agents they do not. */
  readonly #queue = new KeyedQueue<AgentId>();
  #ended: Promise<void> | null = null;

  constructor(context: AgentContext, earlierGone: Promise<void>) {
    this.#context = context;
    this.#earlierGone = earlierGone;
  }

  /** Starts an incarnation, once. `session_over` where the session ended meanwhile. Rejects where it breaks in an unforeseen way. */
  start(agent: AgentId, order: StartAgent): Promise<AgentStarted | 'session_over'> {
    return this.#queue.run(agent, () => this.#start(agent, order));
  }

  /** Compare-and-set of one agent's token. Never makes an entry (T3). */
  swap(token: IssuedToken): SwapResult {
    const running = this.#live(token.agent);
    const outcome = this.#retired.has(token.agent) ? 'retired' : (running?.swap(token) ?? 'unknown_agent');
    this.#context.platform.metrics.swapped(outcome);
    return { agent: token.agent, inc: running?.cell.inc ?? 0, gen: running?.gen ?? 0, outcome };
  }

  /** The token first, then the messages (T8); none of them where the token is refused. */
  deliver(delivery: DeliverMessages): MessagesAccepted {
    const swap = this.swap(delivery.grant);
    const running = TAKING.includes(swap.outcome) ? this.#live(swap.agent) : undefined;
    return { swap, messages: running?.deliver(delivery.messages) ?? [] };
  }

  /** Ends a turn of this incarnation, and no more than that. */
  interrupt(agent: AgentId, { inc, message, withdraw }: InterruptAgent): AgentInterrupted {
    const running = this.#live(agent);
    if (running === undefined) return { agent, inc: 0, outcome: 'unknown_agent' };
    if (running.cell.inc !== inc) return { agent, inc: running.cell.inc, outcome: 'incarnation_mismatch' };
    const isWithdrawal = message !== undefined && withdraw === true;
    const found = isWithdrawal ? running.withdraw(message) : running.interrupt(message ?? null);
    return { agent, inc, outcome: found ? 'interrupted' : 'idle' };
  }

  /** Hands a person's answer to the agent that asked. */
  answerPermission(agent: AgentId, permission: PermissionId, { inc, option }: AnswerPermission): PermissionAnswered {
    const running = this.#live(agent);
    if (running === undefined) return { agent, inc: 0, outcome: 'unknown_agent' };
    if (running.cell.inc !== inc) return { agent, inc: running.cell.inc, outcome: 'incarnation_mismatch' };
    const isOpen = running.answerPermission(permission, option);
    return { agent, inc, outcome: isOpen ? 'answered' : 'unknown_permission' };
  }

  /**
   * Ends an incarnation at or below `inc`; resolves when its process is gone. Nothing to end is a success. A start under
   * way is cut short at once: the queue, in which it may hang, is waited for afterwards.
   */
  stop(agent: AgentId, { inc }: EndAgent): Promise<AgentEnded> {
    this.#remember(agent, inc);
    const current = this.#running.get(agent);
    if (current !== undefined && current.cell.inc <= inc) void current.stop();
    return this.#queue.run(agent, async () => {
      const running = this.#running.get(agent);
      if (running !== undefined && running.cell.inc > inc) return { agent, inc: running.cell.inc, outcome: 'stale' };
      if (running !== undefined) await this.#end(running);
      return { agent, inc, outcome: 'stopped' };
    });
  }

  /**
   * Ends the agent for good, whatever its incarnation. The tombstone stands at once and the token is out of use, so what comes
   * later is refused (K-07).
   */
  retire(agent: AgentId, { inc }: EndAgent): Promise<AgentEnded> {
    this.#retired.set(agent, true);
    void this.#running.get(agent)?.stop();
    return this.#queue.run(agent, async () => {
      const running = this.#running.get(agent);
      if (running !== undefined) await this.#end(running);
      await this.#context.forget?.(agent);
      return { agent, inc, outcome: 'retired' };
    });
  }

  /** Of messages only what is held, without results: after a long silence those would be more than one answer may carry. */
  list(): RunningAgents {
    const live = [...this.#running.values()].filter((running) => !running.isEnding);
    const agents = live.map((running) => ({
      agent: running.cell.agent,
      inc: running.cell.inc,
      gen: running.gen,
      process_id: running.processId,
      messages: running.held().map(({ message, attempt, state }) => ({ message, attempt, state })),
    }));
    return { agents };
  }

  /** Of each agent that runs whether it has a message that is not done, or a result that the town has not acknowledged yet. */
  atWork(): boolean[] {
    return [...this.#running.values()].filter(({ isEnding }) => !isEnding).map(({ isAtWork }) => isAtWork);
  }

  /** Whether one of them has. */
  get isAtWork(): boolean {
    return this.atWork().includes(true);
  }

  /** No turn begins from here on; resolves when those under way are over. */
  async drain(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.drain()));
  }

  /** Resolves when every event so far is acknowledged by the town. */
  async reported(): Promise<void> {
    await Promise.all([...this.#running.values()].map((running) => running.reported()));
  }

  /**
   * Ends all agents; resolves when their processes are gone, and those of the sessions before this one. Their tokens are out of
   * use before this returns. Idempotent.
   */
  end(): Promise<void> {
    this.#ended ??= Promise.all([
      this.#earlierGone,
      ...[...this.#running.values()].map((running) => this.#end(running)),
    ]).then(() => {});
    return this.#ended;
  }

  async #start(agent: AgentId, order: StartAgent): Promise<AgentStarted | 'session_over'> {
    await this.#earlierGone;
    const live = this.#live(agent);
    if (live?.cell.inc === order.inc) return this.#startedAlready(live, order.grant);
    if (live !== undefined && live.cell.inc > order.inc) return report(agent, 'stale', live);
    if (live !== undefined) this.#remember(agent, live.cell.inc);
    const before = this.#running.get(agent);
    if (before !== undefined) await this.#end(before);
    return this.#refusal(agent, order.inc) ?? this.#launch(agent, order);
  }

  /** Why this incarnation may not run, or not any more: asked after each wait, in which all of it may have come about. */
  #refusal(agent: AgentId, inc: number): AgentStarted | 'session_over' | null {
    if (this.#ended !== null) return 'session_over';
    if (this.#retired.has(agent)) return report(agent, 'retired');
    const stoppedInc = this.#stopped.get(agent) ?? 0;
    return inc <= stoppedInc ? { ...report(agent, 'stale'), inc: stoppedInc } : null;
  }

  async #launch(agent: AgentId, order: StartAgent): Promise<AgentStarted | 'session_over'> {
    const incarnation = new Incarnation(this.#context, order);
    this.#running.set(agent, incarnation);
    try {
      await incarnation.started();
    } catch (thrown) {
      await this.#end(incarnation);
      const refusal = this.#refusal(agent, order.inc);
      if (refusal !== null) return refusal;
      if (!(thrown instanceof StartError)) throw thrown;
      this.#context.platform.metrics.started(thrown.reason);
      return { ...report(agent, 'failed'), failure: { reason: thrown.reason, detail: thrown.message } };
    }
    this.#context.platform.metrics.started('started');
    void this.#endWhenLost(incarnation);
    return this.#refusal(agent, order.inc) ?? report(agent, 'started', incarnation);
  }

  /** An incarnation whose process ended is over: a start that is repeated needs a higher one. */
  async #endWhenLost(incarnation: Incarnation): Promise<void> {
    await incarnation.lost();
    this.#remember(incarnation.cell.agent, incarnation.cell.inc);
    await this.#end(incarnation);
  }

  #startedAlready(running: Incarnation, token: IssuedToken): AgentStarted {
    running.swap(token);
    return report(running.cell.agent, 'current', running);
  }

  #remember(agent: AgentId, inc: number): void {
    this.#stopped.set(agent, Math.max(inc, this.#stopped.get(agent) ?? 0));
  }

  /** The incarnation stays in the map until its process is gone, so that a caller who ends the session waits for it too. */
  async #end(incarnation: Incarnation): Promise<void> {
    await incarnation.stop();
    const { agent } = incarnation.cell;
    if (this.#running.get(agent) === incarnation) this.#running.delete(agent);
  }

  #live(agent: AgentId): Incarnation | undefined {
    const running = this.#running.get(agent);
    return running?.isEnding === false ? running : undefined;
  }
}

function report(agent: AgentId, outcome: AgentStarted['outcome'], running?: Incarnation): AgentStarted {
  return { agent, inc: running?.cell.inc ?? 0, gen: running?.gen ?? 0, outcome, process_id: running?.processId ?? 0 };
}
