import type { JSX } from 'preact';
import { hrefOf, type Query, type TownTab } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { StreamBadge } from '../parts/stream-badge.tsx';
import { HealthBadge } from '../parts/status.tsx';
import { Tabs } from '../parts/tabs.tsx';
import { DelegationsView } from './delegations.tsx';
import { MembersView } from './members.tsx';
import { OverviewView } from './overview.tsx';
import { SettingsView } from './settings.tsx';
import { TimelineView } from './timeline.tsx';

const WORDS: readonly (readonly [TownTab, string])[] = [
  ['overview', 'Overview'],
  ['timeline', 'Timeline'],
  ['delegations', 'Delegations'],
  ['members', 'Members'],
  ['settings', 'Settings'],
];

/** A town, as one of its tabs. */
export function TownView({ tab, query }: { readonly tab: TownTab; readonly query: Query }) {
  const { live, entry } = useTown();
  const open = live.permissions.value?.items.length ?? 0;
  const health = live.health.value;
  return (
    <section class="page">
      <nav class="crumbs" aria-label="Where you are">
        <a href={hrefOf({ name: 'fleet' })}>Towns</a>
      </nav>
      <header class="title">
        <h1>{entry.name}</h1>
        {health !== null && <HealthBadge status={health.status} />}
        <StreamBadge state={live.stream.value} />
      </header>
      <Tabs
        label="The town"
        tabs={WORDS.map(([name, word]) => ({
          route: { name: 'town', town: entry.id, tab: name },
          word,
          isCurrent: name === tab,
          count: name === 'overview' ? open : 0,
        }))}
      />
      <Tab tab={tab} query={query} />
    </section>
  );
}

function Tab({ tab, query }: { readonly tab: TownTab; readonly query: Query }): JSX.Element {
  switch (tab) {
    case 'overview':
      return <OverviewView />;
    case 'timeline':
      return <TimelineView query={query} />;
    case 'delegations':
      return <DelegationsView />;
    case 'members':
      return <MembersView />;
    case 'settings':
      return <SettingsView />;
  }
}
