/** What the town that tests play answers with, and how it writes down what it is asked. */
import { z } from 'zod';
import type { AgentId, AgentView, DelegationView, MessageView, TownId, TownView } from '#protocol';
import type { AgentStub, ChatStub, PersonStub, TownStub, WebhookStub } from '../../src/http/edge/edge.ts';
import { agentId, delegationId } from './ids.ts';

export const AT = '2030-01-01T12:00:00.000Z';
export const ok = <T>(value: T) => ({ ok: true as const, value });
export const err = <E>(error: E) => ({ ok: false as const, error });
/** What a call answers: the value, or the code of a refusal. */
export const resultOf = <T extends z.ZodType>(value: T) =>
  z.discriminatedUnion('ok', [
    z.object({ ok: z.literal(true), value }),
    z.object({ ok: z.literal(false), error: z.string() }),
  ]);
export const DELEGATION: DelegationView = {
  id: delegationId(1),
  from: agentId(1),
  to: agentId(2),
  parent: null,
  depth: 1,
  state: 'open',
  error: null,
  created_at: AT,
  deadline_at: AT,
  finished_at: null,
  announced_at: null,
};

/** Each is written down under the name of its noun, of which others have a `get` too. */
type WebhookMethods = { [K in keyof WebhookStub as `webhooks.${K}`]: WebhookStub[K] };

/** Everything that a town is asked. */
export type Methods = Omit<TownStub, 'agent' | 'person' | 'chat' | 'webhooks'> &
  AgentStub &
  PersonStub &
  ChatStub &
  WebhookMethods;

/** What a person finds of a town. */
export interface FakeTown {
  readonly id: TownId;
  readonly agents: Map<string, AgentView>;
  readonly messages: MessageView[];
  /** What becomes of a message as soon as it is stored. */
  readonly becomes: Partial<MessageView>;
  /** Writes a call down, and answers: of the shape that the product declares for it, or the test fails. */
  record<M extends keyof Methods>(
    method: M,
    given: readonly unknown[],
    shape: z.ZodType,
    answer: () => Awaited<ReturnType<Methods[M]>>,
  ): Promise<Awaited<ReturnType<Methods[M]>>>;
  /** An agent as the town shows it. */
  agentView(id: AgentId, name: string): AgentView;
  view(name: string): TownView;
  getMessage: PersonStub['getMessage'];
}
