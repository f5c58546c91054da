import type { Agent } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { CredentialLine } from '../parts/credential-line.tsx';
import { CredentialRing } from '../parts/ring.tsx';
import { AgentState } from '../parts/status.tsx';
import { Moment } from '../parts/time.tsx';
import { AgentActs } from './agent-acts.tsx';

/** One agent: its state, its credential, and what can be done about both. */
export function AgentCard({ agent }: { readonly agent: Agent }) {
  const { live } = useTown();
  const { credential } = agent;
  return (
    <li class="card agent">
      <a class="ring-link" href={hrefOf({ name: 'agent', town: live.id, agent: agent.name, tab: 'credential' })}>
        <CredentialRing agent={agent} />
      </a>
      <div>
        <h3>
          <a href={hrefOf({ name: 'agent', town: live.id, agent: agent.name, tab: 'chat' })}>{agent.name}</a>
        </h3>
        <AgentState agent={agent} /> {agent.role === 'mayor' && <span class="quiet">mayor</span>}
        <p class="quiet">
          heard <Moment at={agent.last_heard_at} />
        </p>
        <CredentialLine credential={credential} />
        {agent.failure !== null && <p class="reason">{agent.failure.detail}</p>}
      </div>
      <AgentActs agent={agent} isBrief />
    </li>
  );
}
