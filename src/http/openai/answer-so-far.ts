/** What of an answer was sent to a client so far, and what follows. Each word of a reply reaches it once, and in order. */
import type { AgentState } from '#protocol';
import type { TurnProgress } from '../../town/follow-turn.ts';
import { howToAnswer } from './commands.ts';
import { GOES_ON, type Outcome } from './outcome.ts';

/** `text` belongs to the answer. `reasoning`: what the agent does and thinks meanwhile. `idle`: nothing is new for a while. */
export type AnswerStep =
  | { readonly kind: 'text' | 'reasoning'; readonly text: string }
  | { readonly kind: 'idle' }
  | { readonly kind: 'end'; readonly outcome: Outcome };

/** Said where the reply does not go on with what was shown of it: pieces of it were lost, or the turn ran again. */
const WHOLE_REPLY = '\n\n(The answer so far was interrupted. The whole of it:)\n\n';

/** The answer to one message, as one client sees it grow. Keeps what was sent, and nothing else. */
export class AnswerSoFar {
  #text = '';
  #attempt = 0;
  /** What is shown next would not go on with what was sent: only the reply follows, at the end. */
  #isCut = false;
  readonly #refs = new Set<string>();
  #isWaiting = false;

  /** What is new. */
  take({ state, agent, pieces, place }: TurnProgress): AnswerStep[] {
    const steps: AnswerStep[] = [];
    if (state === 'queued' && !this.#isWaiting && agent in WAITS_FOR) {
      this.#isWaiting = true;
      steps.push({ kind: 'reasoning', text: `${WAITS_FOR[agent] ?? ''}\n` });
    }
    if (pieces.length > 0 && place.attempt !== this.#attempt) {
      if (this.#text !== '' && !this.#isCut) {
        this.#isCut = true;
        steps.push({ kind: 'reasoning', text: '\nThe turn was lost on the way, and begins again.\n' });
      }
      this.#attempt = place.attempt;
    }
    for (const piece of pieces) this.#takePiece(piece, steps);
    return joined(steps);
  }

  /** How it ended: what of the reply was not sent yet, and the outcome. */
  end(outcome: Outcome): AnswerStep[] {
    const end: AnswerStep = { kind: 'end', outcome };
    return outcome.kind === 'failed' ? [end] : [...textStep(this.#restOf(outcome.text)), end];
  }

  /** The client is let go of; the agent goes on. */
  goesOn(): AnswerStep[] {
    const text = this.#text === '' ? GOES_ON : `\n\n${GOES_ON}`;
    return [...textStep(text), { kind: 'end', outcome: { kind: 'goes_on', text, finish: 'length' } }];
  }

  #takePiece({ kind, text, ref }: TurnProgress['pieces'][number], steps: AnswerStep[]): void {
    switch (kind) {
      case 'text':
        if (this.#isCut) return;
        this.#text += text;
        steps.push({ kind: 'text', text });
        return;
      case 'thought':
        steps.push({ kind: 'reasoning', text });
        return;
      // A tool is shown when it is first named; how it goes on is for the stream of the town.
      case 'tool':
      case 'question':
        if (this.#refs.has(ref)) return;
        this.#refs.add(ref);
        steps.push({ kind: 'reasoning', text: kind === 'tool' ? `\n* ${text}\n` : questionText(text, ref) });
    }
  }

  /** A reply that was cut may be shorter than what was shown of it. */
  #restOf(reply: string): string {
    if (reply.startsWith(this.#text)) return reply.slice(this.#text.length);
    return this.#text.startsWith(reply) ? '' : `${WHOLE_REPLY}${reply}`;
  }
}

/** Why a message waits, by the state of its agent; in any other state its turn is about to begin. */
const WAITS_FOR: Partial<Record<AgentState, string>> = {
  working: 'Queued: the agent is at work on another message.',
  stalled: 'Queued: the agent is at work on another message, and has not been heard of for a while.',
  starting: 'Queued: the agent is starting.',
  stopped: 'Queued: the agent is stopped. The message waits until it is started.',
  failed: 'Queued: the agent failed to start. It is tried again.',
};

const questionText = (title: string, id: string): string =>
  `\nThe agent asks for permission: ${title}\n${howToAnswer(id)}\n`;

const textStep = (text: string): AnswerStep[] => (text === '' ? [] : [{ kind: 'text', text }]);

/** Pieces of one kind that follow each other are sent as one. */
function joined(steps: readonly AnswerStep[]): AnswerStep[] {
  return steps.reduce<AnswerStep[]>((all, step) => {
    const last = all.at(-1);
    if (last === undefined || !('text' in last) || !('text' in step) || last.kind !== step.kind) return [...all, step];
    return [...all.slice(0, -1), { kind: step.kind, text: last.text + step.text }];
  }, []);
}
