/** The frame around every view: who is signed in, where one is, and what acts came to. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { Notices } from './parts/notices.tsx';
import { AgentView } from './views/agent.tsx';
import { FleetView } from './views/fleet.tsx';
import { KeysView } from './views/keys.tsx';
import { SignInView } from './views/sign-in.tsx';
import { TownFrame } from './views/town-frame.tsx';
import { TownView } from './views/town.tsx';
import icon from './icon.svg';
import { useConsole } from './app/console.ts';
import { hrefOf, type Route } from './app/route.ts';
import type { SessionState } from './app/session.ts';

export function Shell() {
  const { session, route } = useConsole();
  const state = session.state.value;
  if (state.name === 'starting') return <p class="quiet loading page">Signing in…</p>;
  return (
    <>
      {state.name === 'in' && <Header state={state} />}
      <main id="main" tabIndex={-1}>
        {state.name === 'in' ? <View route={route.value} state={state} /> : <SignInView why={state.why} />}
      </main>
      <Notices />
    </>
  );
}

type SignedIn = Extract<SessionState, { name: 'in' }>;

function Header({ state }: { readonly state: SignedIn }) {
  const { session } = useConsole();
  const { subject, scope } = state.caller;
  return (
    <header class="top">
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <a class="brand" href={hrefOf({ name: 'fleet' })}>
        <img src={icon} alt="" width="24" height="24" />
        Reeve
      </a>
      <div class="account">
        <button type="button" popovertarget="account">
          {subject}
        </button>
        <div id="account" popover="auto">
          <p>
            Signed in as <code>{subject}</code>, with a credential that allows <strong>{scope}</strong>.
          </p>
          <a href={hrefOf({ name: 'keys' })}>API keys</a>
          <a href="/docs" target="_blank" rel="noreferrer">
            API documentation
          </a>
          <button type="button" onClick={() => session.signOut()}>
            Sign out
          </button>
        </div>
      </div>
    </header>
  );
}

/** The address stays that of the view. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function View({ route, state }: { readonly route: Route; readonly state: SignedIn }): JSX.Element {
  useEffect(() => {
    document.title = titleOf(route);
  }, [route]);
  // Another thing is shown: who hears the page, or goes by keys, is at its beginning.
  useEffect(() => document.getElementById('main')?.focus(), [thingOf(route)]);
  switch (route.name) {
    case 'fleet':
      return <FleetView client={state.client} scope={state.caller.scope} />;
    case 'keys':
      return <KeysView client={state.client} scope={state.caller.scope} />;
    case 'town':
      return (
        <TownFrame key={route.town} client={state.client} caller={state.caller} town={route.town}>
          <TownView tab={route.tab} query={route.query ?? {}} />
        </TownFrame>
      );
    case 'agent':
      return (
        <TownFrame key={route.town} client={state.client} caller={state.caller} town={route.town}>
          <AgentView key={route.agent} name={route.agent} tab={route.tab} query={route.query ?? {}} />
        </TownFrame>
      );
    case 'unknown':
      return (
        <section class="page">
          <h1>There is no such page</h1>
          <p>
            <a href={hrefOf({ name: 'fleet' })}>To your towns</a>
          </p>
        </section>
      );
  }
}

const thingOf = (route: Route): string =>
  [route.name, ...('town' in route ? [route.town] : []), ...('agent' in route ? [route.agent] : [])].join(' ');

function titleOf(route: Route): string {
  if (route.name === 'town') return `${route.tab} · Reeve`;
  if (route.name === 'agent') return `${route.agent} · ${route.tab} · Reeve`;
  return 'Reeve';
}
