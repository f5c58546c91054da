import type { JSX } from 'preact';
import { hrefOf, type AgentTab, type Query } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { Loaded } from '../parts/loaded.tsx';
import { CredentialRing } from '../parts/ring.tsx';
import { AgentState } from '../parts/status.tsx';
import { StreamBadge } from '../parts/stream-badge.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { Moment } from '../parts/time.tsx';
import { AgentActs } from './agent-acts.tsx';
import { ChatView } from './chat.tsx';
import { CredentialView } from './credential.tsx';
import { RuntimeView } from './runtime.tsx';
import type { Agent } from '../../client/index.ts';

interface Props {
  /** Or its id. */
  readonly name: string;
  readonly tab: AgentTab;
  readonly query: Query;
}

const WORDS: readonly (readonly [AgentTab, string])[] = [
  ['chat', 'Chat'],
  ['credential', 'Credential'],
  ['runtime', 'What runs it'],
];

/** An agent, as one of its tabs. */
export function AgentView({ name, tab, query }: Props) {
  const { live, entry } = useTown();
  return (
    <section class={`page ${tab === 'chat' ? 'tall' : ''}`}>
      <nav class="crumbs" aria-label="Where you are">
        <a href={hrefOf({ name: 'fleet' })}>Towns</a>
        <a href={hrefOf({ name: 'town', town: live.id, tab: 'overview' })}>{entry.name}</a>
      </nav>
      <Loaded of={live.agents.list} what="its agents">
        {() => {
          const agent = live.agents.find(name);
          if (agent !== null) return <Found agent={agent} tab={tab} query={query} />;
          return (
            <div class="empty">
              <h1>{name} is not here</h1>
              <p>
                No agent of this town has that name.{' '}
                <a href={hrefOf({ name: 'town', town: live.id, tab: 'overview' })}>Its agents</a>
              </p>
            </div>
          );
        }}
      </Loaded>
    </section>
  );
}

function Found({ agent, tab, query }: { readonly agent: Agent; readonly tab: AgentTab; readonly query: Query }) {
  const { live } = useTown();
  return (
    <>
      <header class="title">
        <CredentialRing agent={agent} size={40} />
        <h1>{agent.name}</h1>
        <AgentState agent={agent} />
        <p class="quiet">
          heard <Moment at={agent.last_heard_at} />
        </p>
        <StreamBadge state={live.stream.value} />
        <AgentActs agent={agent} />
      </header>
      {agent.failure !== null && (
        <p class="trouble" role="status">
          {agent.failure.detail} <Moment at={agent.failure.at} />
        </p>
      )}
      <Tabs
        label="The agent"
        tabs={WORDS.map(([id, word]) => ({
          route: { name: 'agent', town: live.id, agent: agent.name, tab: id },
          word,
          isCurrent: id === tab,
        }))}
      />
      <Tab agent={agent} tab={tab} query={query} />
    </>
  );
}

function Tab({
  agent,
  tab,
  query,
}: {
  readonly agent: Agent;
  readonly tab: AgentTab;
  readonly query: Query;
}): JSX.Element {
  switch (tab) {
    case 'chat':
      return <ChatView key={agent.id} agent={agent} at={query['message'] ?? null} />;
    case 'credential':
      return <CredentialView key={agent.id} agent={agent} />;
    case 'runtime':
      return <RuntimeView agent={agent} />;
  }
}
