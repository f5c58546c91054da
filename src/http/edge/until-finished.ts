/** Requests that wait for what happens in a turn. */
import type { MessageView, TownId } from '#protocol';
import type { Result } from '#lib/result.ts';
import { isFinal } from '../../outbox/message.ts';
import { callThrough } from './call-through.ts';
import type { Edge, TownStub } from './edge.ts';

/** The town is asked for so long at a time (ms): a caller that has left keeps its object awake no longer. */
const STEP_MS = 5000;
/** Calls that fail in a row before the wait is given up: an object that is replaced is there again with the next. */
const MAX_FAILURES = 3;

/** How long a caller waits, for which town, and as whom. */
export interface Wait {
  readonly town: TownId;
  readonly person: string;
  readonly seconds: number;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
}

/** One question that is asked until its answer is good enough for the caller. */
export interface Question<T> {
  /** How long the town waits at most before it answers that nothing is new (ms). */
  readonly stepMs: number;
  readonly ask: (town: TownStub, waitMs: number) => Promise<Result<T, unknown>>;
  /** Whether an answer tells nothing new. */
  readonly isIdle: (answer: T) => boolean;
}

/**
 * What the town answers, step by step, until the time is up, the client has left, or the town cannot be asked. Never rejects: the
 * message is stored, and the caller may come back to it.
 */
export async function* askInSteps<T>(edge: Edge, wait: Wait, question: Question<T>): AsyncGenerator<T, void> {
  const { stepMs, ask, isIdle } = question;
  const until = edge.clock.now() + wait.seconds * 1000;
  let failures = 0;
  // So many steps without news fill the time; a town that does not wait is not asked in a loop.
  let idleSteps = Math.ceil((wait.seconds * 1000) / stepMs) + MAX_FAILURES;
  while (idleSteps > 0 && failures < MAX_FAILURES && !wait.signal.aborted) {
    const left = until - edge.clock.now();
    if (left <= 0) return;
    try {
      // A stub for each step: one is broken after an exception.
      const answer = await ask(edge.town(wait.town), Math.min(left, stepMs));
      if (!answer.ok) return;
      failures = 0;
      if (isIdle(answer.value)) idleSteps -= 1;
      yield answer.value;
    } catch (thrown) {
      // One that is overloaded is not asked again.
      failures += isOverloaded(thrown) ? MAX_FAILURES : 1;
    }
  }
}

/** The message once it is over, or as it is where its time is up, the client has left, or the town cannot be asked. Never rejects. */
export async function untilFinished(edge: Edge, message: MessageView, wait: Wait): Promise<MessageView> {
  if (isFinal(message.state)) return message;
  let seen = message;
  const question: Question<MessageView> = {
    stepMs: STEP_MS,
    ask: (town, waitMs) => {
      const me = town.person({ person: wait.person });
      return callThrough(me, (held) => held.getMessage(message.agent, message.id, waitMs));
    },
    isIdle: () => true,
  };
  for await (const found of askInSteps(edge, wait, question)) {
    seen = found;
    if (isFinal(found.state)) break;
  }
  return seen;
}

function isOverloaded(thrown: unknown): boolean {
  return thrown instanceof Error && 'overloaded' in thrown && thrown.overloaded === true;
}
