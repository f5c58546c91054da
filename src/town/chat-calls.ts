/** What the door for chat frontends asks of a town, beside what people ask of it anyway. */
import { RpcTarget } from 'cloudflare:workers';
import type { MessageId } from '#protocol';
import { ok } from '#lib/result.ts';
import { followTurn, type Place, type TurnProgress } from './follow-turn.ts';
import type { Answered, TownGate } from './town-gate.ts';

/** An agent as a model: what a list of models shows of it. */
export interface ModelAgent {
  readonly name: string;
  readonly createdAtMs: number;
}

/**
 * The town, as the door for chat frontends sees it: what `Town.chat` returns. The caller has found that the town is its person's; every
 * result is plain data.
 */
export class ChatCalls extends RpcTarget {
  readonly #gate: TownGate;

  constructor(gate: TownGate) {
    super();
    this.#gate = gate;
  }

  /** The agents that live, by what is stored of them. */
  async liveAgents(): Answered<readonly ModelAgent[]> {
    return this.#gate.run((p) => ok(p.agents.live().map(({ name, createdAtMs }) => ({ name, createdAtMs }))));
  }

  /** What is new of a message since `place`, or after `waitMs`. */
  async followTurn(message: MessageId, place: Place, waitMs: number): Answered<TurnProgress> {
    return this.#gate.run((p) => followTurn(p, message, place, waitMs));
  }

  /** The client has the whole answer: the same transcript once more is another message. */
  async answered(sender: string, digest: string, message: MessageId): Answered<null> {
    return this.#gate.run((p) => {
      p.transaction(() => p.transcripts.answered(sender, digest, message, p.clock.now()));
      return ok(null);
    });
  }
}
