/** What waits for a person: questions of agents, and what is wrong, each with what to do about it. */
import type { Agent, Health, Permission } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { Badge } from '../parts/status.tsx';
import { Moment } from '../parts/time.tsx';
import { PermissionCard } from './permission-card.tsx';

/** Nothing where nothing does. */
export function NeedsYou() {
  const { live } = useTown();
  const questions = live.permissions.value?.items ?? [];
  // A question that waits stands there itself, where it is answered.
  const reasons = (live.health.value?.reasons ?? []).filter(({ code }) => code !== 'permission_waits');
  if (questions.length === 0 && reasons.length === 0) return null;
  return (
    <section aria-labelledby="needs-you" class="needs-you">
      <h2 id="needs-you">Needs you</h2>
      <ul>
        {questions.map((permission) => (
          <Question key={permission.id} permission={permission} />
        ))}
        {reasons.map((reason) => (
          <Reason key={`${reason.code} ${reason.agent ?? ''}`} reason={reason} />
        ))}
      </ul>
    </section>
  );
}

function Question({ permission }: { readonly permission: Permission }) {
  const { live } = useTown();
  const agent = live.agents.byId.value.get(permission.agent);
  return (
    <li>
      <p class="quiet">
        {agent === undefined ? permission.agent : <AgentLink agent={agent} />} asks,{' '}
        <Moment at={permission.requested_at} />
      </p>
      <PermissionCard permission={permission} />
    </li>
  );
}

function AgentLink({ agent }: { readonly agent: Agent }) {
  const { live } = useTown();
  return <a href={hrefOf({ name: 'agent', town: live.id, agent: agent.name, tab: 'chat' })}>{agent.name}</a>;
}

function Reason({ reason }: { readonly reason: Health['reasons'][number] }) {
  const { live } = useTown();
  const agent = reason.agent === null ? undefined : live.agents.byId.value.get(reason.agent);
  return (
    <li class={`reason-card ${reason.status}`}>
      <Badge tone={reason.status === 'red' ? 'bad' : 'warn'} word={reason.code.replaceAll('_', ' ')} />
      <p>
        {agent !== undefined && (
          <>
            <AgentLink agent={agent} />:{' '}
          </>
        )}
        {reason.detail}{' '}
        <span class="quiet">
          since <Moment at={reason.since} />
        </span>
      </p>
      <p class="advice">{reason.advice}</p>
    </li>
  );
}
