/** The answer to a message while it is written, sent from its beginning, whenever the client came. */
import type { MessageView } from '#protocol';
import { callThrough } from '../edge/call-through.ts';
import type { Edge } from '../edge/edge.ts';
import { askInSteps, type Wait } from '../edge/until-finished.ts';
import type { TurnProgress } from '../../town/follow-turn.ts';
import { outcomeOf } from './outcome.ts';
import { AnswerSoFar, type AnswerStep } from './answer-so-far.ts';

/** The town answers that nothing is new after so long (ms): proxies cut a connection on which nothing is said for about 30 s. */
const IDLE_MS = 12_000;

/**
 * Ends with one step of kind `end`, whatever happens: where the time is up or the town cannot be asked any more, it says that the agent goes
 * on. Never rejects: the message is stored, and the same request again is answered from the beginning.
 */
export async function* followAnswer(edge: Edge, message: MessageView, wait: Wait): AsyncGenerator<AnswerStep, void> {
  const answer = new AnswerSoFar();
  let place: TurnProgress['place'] | null = null;
  const progress = askInSteps(edge, wait, {
    stepMs: IDLE_MS,
    // The first look waits for nothing: the client learns at once why its message waits.
    ask: (town, waitMs) =>
      callThrough(town.chat({ person: wait.person }), (chat) =>
        chat.followTurn(message.id, place ?? { attempt: 0, pieces: 0 }, place === null ? 0 : waitMs),
      ),
    isIdle: ({ pieces, end }) => pieces.length === 0 && end === null,
  });
  for await (const now of progress) {
    const isFirst = place === null;
    place = now.place;
    const steps = answer.take(now);
    yield* steps;
    if (now.end !== null) {
      yield* answer.end(outcomeOf({ state: now.state, ...now.end }));
      return;
    }
    if (steps.length === 0 && !isFirst) yield { kind: 'idle' };
  }
  yield* answer.goesOn();
}
