/** Where the agents of a town run, as far as the town knows: asking would wake what is asleep. */
import type { Container } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Badge, type Tone } from '../parts/status.tsx';
import { Moment } from '../parts/time.tsx';

const TONES: Readonly<Record<Container['state'], Tone>> = {
  new: 'off',
  running: 'good',
  idle: 'good',
  asleep: 'off',
  silent: 'warn',
  lost: 'bad',
};

const MEANS: Readonly<Record<Container['state'], string>> = {
  new: 'no agent has run here yet',
  running: 'an agent in it is at work',
  idle: 'no agent in it works, and it may have gone to sleep since',
  asleep: 'it did not run when it was asked last; a message wakes it',
  silent: 'it does not answer',
  lost: 'it was given up, and its agents are placed elsewhere',
};

export function ContainersPart() {
  const { live } = useTown();
  return (
    <section aria-labelledby="containers">
      <header class="title">
        <h2 id="containers">Containers</h2>
      </header>
      <Loaded of={live.containers} what="the containers">
        {({ items }) =>
          items.length === 0 ? (
            <p class="quiet">None yet: the first agent brings one.</p>
          ) : (
            <ul class="cards">
              {items.map((container) => (
                <ContainerCard key={container.container} container={container} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </section>
  );
}

function ContainerCard({ container }: { readonly container: Container }) {
  const { state, since, held, session_since: session, last_heard_at: heard, refused_since: refused } = container;
  return (
    <li class="card">
      <h3>{shortName(container.container)}</h3>
      <Badge tone={TONES[state]} word={state} title={MEANS[state]} />{' '}
      {held !== null && <Badge tone="warn" word="held" title="after failures in a row nothing is sent there unasked" />}
      <p class="quiet">
        {MEANS[state]}
        {since !== null && (
          <>
            , since <Moment at={since} />
          </>
        )}
      </p>
      <p class="quiet">
        heard <Moment at={heard} />; session <Moment at={session} or="not opened" />
      </p>
      {held !== null && (
        <p class="reason">
          {held.failures} failures in a row: asked again <Moment at={held.until} />
        </p>
      )}
      {refused !== null && (
        <p class="reason">
          Its control server refuses what the town signs, since <Moment at={refused} />
        </p>
      )}
      <Residents agents={container.agents} />
    </li>
  );
}

function Residents({ agents }: { readonly agents: readonly string[] }) {
  const { live } = useTown();
  if (agents.length === 0) return <p class="quiet">no agent lives here</p>;
  return (
    <p class="residents">
      {agents.map((id) => (
        <a key={id} href={hrefOf({ name: 'agent', town: live.id, agent: id, tab: 'chat' })}>
          {live.agents.byId.value.get(id)?.name ?? id}
        </a>
      ))}
    </p>
  );
}

/** A container is named after its town, which the page shows already. */
const shortName = (container: string): string => container.replace(/^town_[0-9a-z]{20}:/, 'container ');
