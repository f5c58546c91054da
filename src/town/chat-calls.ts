/** What the door for chat frontends asks of a town, beside what people ask of it anyway. */
import { RpcTarget } from 'cloudflare:workers';
import type { EventDataOf, MessageId } from '#protocol';
import { ok } from '#lib/result.ts';
import { agentStanding, type AgentStanding } from './agent-standing.ts';
import { followTurn, type Place, type TurnProgress } from './follow-turn.ts';
import { senderOf, type PersonCall } from './members/authorize-person.ts';
import { PersonGate, type PersonAnswered } from './person-gate.ts';
import type { TownGate } from './town-gate.ts';

/** An agent as a model: what a list of models shows of it. */
export interface ModelAgent {
  readonly name: string;
  readonly createdAtMs: number;
}

/**
 * The town, as the door for chat frontends sees it for one person: what `Town.chat` returns. Each call is decided anew, like those of
 * `PersonCalls`. Every result is plain data.
 */
export class ChatCalls extends RpcTarget {
  readonly #as: PersonGate;

  constructor(gate: TownGate, call: PersonCall) {
    super();
    this.#as = new PersonGate(gate, call);
  }

  /** The agents that live, by what is stored of them. */
  async liveAgents(): PersonAnswered<readonly ModelAgent[]> {
    return this.#as.run('read', (p) => ok(p.agents.live().map(({ name, createdAtMs }) => ({ name, createdAtMs }))));
  }

  /** What is new of a message since `place`, or after `waitMs`; shown to one who is a member then. */
  async followTurn(message: MessageId, place: Place, waitMs: number): PersonAnswered<TurnProgress> {
    const waited = await this.#as.run('read', (p) => followTurn(p, message, place, waitMs));
    return waited.ok && waitMs > 0 ? this.#as.run('read', (p) => followTurn(p, message, place, 0)) : waited;
  }

  /** The client has the whole answer: the same transcript once more is another message. */
  async answered(digest: string, message: MessageId): PersonAnswered<null> {
    // Nothing that the person does: what they did was to send it.
    return this.#as.run('read', (p, by) => {
      p.transaction(() => p.transcripts.answered(senderOf(by), digest, message, p.clock.now()));
      return ok(null);
    });
  }

  /** How an agent stands. */
  async standing(idOrName: string): PersonAnswered<AgentStanding> {
    return this.#as.run('read', (p) => agentStanding(p, idOrName));
  }

  /** A frontend asked for something beside the chat with this agent, and is answered without it. */
  async sideCall(idOrName: string, call: EventDataOf<'reeve.chat.side_call'>): PersonAnswered<null> {
    return this.#as.with('chat', idOrName, (p, { id }) => {
      p.transaction(() => p.events.append('reeve.chat.side_call', id, call, p.clock.now()));
      return null;
    });
  }
}
