/** Addresses of the console. They stand behind the `#`, so that no server sees which town or agent is looked at. */

/** What a town can be seen as. */
export const TOWN_TABS = ['overview', 'timeline', 'delegations', 'members', 'settings'] as const;
/** What an agent can be seen as. */
export const AGENT_TABS = ['chat', 'credential', 'runtime'] as const;
export type TownTab = (typeof TOWN_TABS)[number];
export type AgentTab = (typeof AGENT_TABS)[number];

export type Route =
  | { readonly name: 'fleet' }
  | { readonly name: 'keys' }
  | { readonly name: 'town'; readonly town: string; readonly tab: TownTab; readonly query?: Query }
  | {
      readonly name: 'agent';
      readonly town: string;
      readonly agent: string;
      readonly tab: AgentTab;
      readonly query?: Query;
    }
  | { readonly name: 'unknown' };

/** What a view is narrowed to. */
export type Query = Readonly<Record<string, string>>;

/** The address of a route, for a link. */
export function hrefOf(route: Route): string {
  switch (route.name) {
    case 'fleet':
      return '#/';
    case 'keys':
      return '#/keys';
    case 'town':
      return `#/towns/${encodeURIComponent(route.town)}${route.tab === 'overview' ? '' : `/${route.tab}`}${queryText(route.query)}`;
    case 'agent':
      return `#/towns/${encodeURIComponent(route.town)}/agents/${encodeURIComponent(route.agent)}${route.tab === 'chat' ? '' : `/${route.tab}`}${queryText(route.query)}`;
    case 'unknown':
      return '#/unknown';
  }
}

function queryText(query: Query = {}): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text}`;
}

/** What an address leads to; one that leads nowhere is `unknown`. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?', 2);
  const query = Object.fromEntries(new URLSearchParams(search));
  const parts = path.split('/').filter((part) => part !== '');
  const [first, town, second, agent, last] = parts.map(decoded);
  if (first === undefined) return { name: 'fleet' };
  if (first === 'keys' && parts.length === 1) return { name: 'keys' };
  if (first !== 'towns' || town === undefined) return { name: 'unknown' };
  if (second === 'agents' && agent !== undefined && parts.length <= 5) {
    const tab = AGENT_TABS.find((name) => name === (last ?? 'chat'));
    return tab === undefined ? { name: 'unknown' } : { name: 'agent', town, agent, tab, query };
  }
  const tab = TOWN_TABS.find((name) => name === (second ?? 'overview'));
  return tab === undefined || parts.length > 3 ? { name: 'unknown' } : { name: 'town', town, tab, query };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // No encoding that anything here wrote: it leads nowhere.
  }
}
