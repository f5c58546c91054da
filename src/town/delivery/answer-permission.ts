/** A person's answer to what an agent asks: stored first, then sent until its control server has taken it (T12). */
import type { AgentId, DecisionKind, PermissionAnswered, PermissionId } from '#protocol';
import { backoffMs } from '#lib/backoff.ts';
import { err, ok, type Result } from '#lib/result.ts';
import type { LinkAnswer } from '../../link/container-link.ts';
import type { Permission } from '../../permissions/permission.ts';
import { PUSH_RETRY, SAFETY_RETRY_MS } from '../../tokens/refresh-policy.ts';
import { agentGone } from '../agents/agent-gone.ts';
import { closePermissions, expirePermission, resolvePermission } from '../agents/record-permission.ts';
import { backoffUntil, doubtContainer, recordAnswer } from '../containers/containers.ts';
import { inSlot } from '../containers/in-slot.ts';
import type { TownPorts } from '../ports.ts';

/** A person who answers waits at most this long (ms) for the agent's control server to take it. */
export const ANSWER_WAIT_MS = 3000;

/** By the id of an option, or by what it means; null: none of them. */
export type PermissionChoice = { readonly option: string } | { readonly kind: DecisionKind } | null;

/** `over`: it has its end, or another answer. `unknown_option`: it offers no such option. */
export type AnswerRefusal = 'not_found' | 'over' | 'unknown_option';

/** Stores the answer, and returns which agent it is for. The same answer again changes nothing. */
export function answerPermission(
  p: TownPorts,
  id: string,
  choice: PermissionChoice,
  person: string,
): Result<AgentId, AnswerRefusal> {
  return p.transaction(() => {
    const asked = p.permissions.get(id);
    if (asked === null) return err('not_found');
    const option = optionOf(asked, choice);
    if (option === undefined) return err('unknown_option');
    if (asked.state !== 'open') return asked.option === option ? ok(asked.agent) : err('over');
    const now = p.clock.now();
    p.permissions.answer(asked.id, option, person, now, now + SAFETY_RETRY_MS);
    const { message, attempt } = asked;
    const data = { permission: asked.id, message, attempt, option, by: person };
    p.events.append('reeve.permission.answered', asked.agent, data, now);
    return ok(asked.agent);
  });
}

/** Undefined where it offers none of the kind, or none of this id. */
function optionOf({ options }: Permission, choice: PermissionChoice): string | null | undefined {
  if (choice === null) return null;
  return options.find((option) => ('kind' in choice ? option.kind === choice.kind : option.id === choice.option))?.id;
}

/** Tells the agent's control server every answer that it has yet to take. Single flight per agent; what fails comes back by its due time. */
export function sendAnswers(p: TownPorts, agent: AgentId): Promise<void> {
  return p.flights.run(`answer:${agent}`, async () => {
    for (const { id, state } of p.permissions.openOf(agent)) if (state === 'answered') await sendAnswer(p, id);
  });
}

/** What the alarm finds due: an answer that was not taken, or a question that was not reported as over after its deadline. */
export async function tendPermission(p: TownPorts, id: PermissionId): Promise<void> {
  const asked = p.permissions.get(id);
  if (asked === null) return;
  if (asked.state === 'answered') return sendAnswers(p, asked.agent);
  p.transaction(() => expirePermission(p, asked, p.clock.now()));
}

async function sendAnswer(p: TownPorts, id: PermissionId): Promise<void> {
  const asked = p.permissions.get(id);
  if (asked?.state !== 'answered') return;
  const { container = 0 } = p.agents.get(asked.agent) ?? {};
  const waitsUntilMs = backoffUntil(p, container);
  p.permissions.plan(id, waitsUntilMs ?? p.clock.now() + SAFETY_RETRY_MS, asked.tries);
  if (waitsUntilMs !== null) return;
  const answer = await inSlot<LinkAnswer<PermissionAnswered> | null>(p, {
    pool: 'delivery',
    container,
    mayAskInBackoff: false,
    work: () => attempt(p, id),
    inBackoff: (untilMs) => {
      p.permissions.plan(id, untilMs, asked.tries);
      return null;
    },
  });
  if (answer?.kind !== 'unreachable') return;
  p.transaction(() => {
    const tries = asked.tries + 1;
    p.permissions.plan(id, p.clock.now() + backoffMs(PUSH_RETRY, tries, p.random(), answer.retryAfterMs), tries);
    doubtContainer(p, container, answer);
  });
}

/** Null: there is nothing to send any more. */
async function attempt(p: TownPorts, id: PermissionId): Promise<LinkAnswer<PermissionAnswered> | null> {
  const asked = p.permissions.get(id);
  const agent = asked === null ? null : p.agents.get(asked.agent);
  if (asked?.state !== 'answered' || agent === null) return null;
  if (agent.session === null || agent.inc !== asked.inc) {
    p.transaction(() => closePermissions(p, asked.agent, p.clock.now()));
    return null;
  }
  const order = { agent: agent.id, permission: id, body: { inc: agent.inc, option: asked.option } };
  const answer = await p.link(agent.container).call('answerPermission', agent.session, order);
  recordAnswer(p, agent.container, answer);
  p.transaction(() => settle(p, asked, answer));
  return answer;
}

function settle(p: TownPorts, asked: Permission, answer: LinkAnswer<PermissionAnswered>): void {
  const { option } = asked;
  const agent = p.agents.get(asked.agent);
  if (agent === null || agent.inc !== asked.inc) return;
  if (answer.kind === 'asleep') return agentGone(p, agent, { why: 'asleep', containerRuns: false });
  if (answer.kind !== 'answered') return;
  const now = p.clock.now();
  switch (answer.value.outcome) {
    case 'answered':
      resolvePermission(p, asked, { state: option === null ? 'cancelled' : 'selected', option, by: 'person' }, now);
      return;
    case 'unknown_permission':
      // Its deadline or the end of its turn came first; the report of that is under way, or was this very answer's.
      resolvePermission(p, asked, { state: 'cancelled', option: null, by: 'turn_ended' }, now);
      return;
    case 'unknown_agent':
    case 'incarnation_mismatch':
      agentGone(p, agent, { why: answer.value.outcome, containerRuns: true });
      return;
  }
}
