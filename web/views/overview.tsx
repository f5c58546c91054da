/** A town at a glance: what needs a person first, then its agents, then where they run. */
import { useSignal } from '@preact/signals';
import type { Agent } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { toneOfCredential } from '../parts/ring.tsx';
import { useConsole } from '../app/console.ts';
import { ActButton } from '../parts/act.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Moment } from '../parts/time.tsx';
import { AgentCard } from './agent-card.tsx';
import { ContainersPart } from './containers.tsx';
import { NeedsYou } from './needs-you.tsx';
import { NewAgent } from './new-agent.tsx';
import { sentenceOf } from './sweep-sentence.ts';

export function OverviewView() {
  return (
    <>
      <NeedsYou />
      <Agents />
      <ContainersPart />
    </>
  );
}

const STATES: readonly Agent['state'][] = ['failed', 'stalled', 'working', 'starting', 'idle', 'stopped'];

/** When their credentials are renewed, and what came of it the last time. */
function Sweeps() {
  const { live } = useTown();
  const town = live.town.value;
  if (town === null) return null;
  return (
    <p class="quiet">
      {town.next_sweep_at === null ? (
        'no sweep is planned while no agent works'
      ) : (
        <>
          next sweep <Moment at={town.next_sweep_at} />
        </>
      )}
      {town.last_sweep !== null && (
        <>
          , the last one <Moment at={town.last_sweep.finished_at} />: {sentenceOf(town.last_sweep)}
        </>
      )}
    </p>
  );
}

function Agents() {
  const { live, may } = useTown();
  const { nowMs } = useConsole();
  const isCreating = useSignal(false);
  const isBad = (agent: Agent): boolean => toneOfCredential(agent, nowMs.peek()) === 'bad';
  const sorted = live.living.value.toSorted(
    (one, other) =>
      Number(isBad(other)) - Number(isBad(one)) ||
      STATES.indexOf(one.state) - STATES.indexOf(other.state) ||
      one.name.localeCompare(other.name),
  );
  return (
    <section aria-labelledby="agents">
      <header class="title">
        <h2 id="agents">Agents</h2>
        <Sweeps />
        {may('admin') && (
          <span class="acts">
            <ActButton act={async () => sentenceOf(await live.client.refreshTown(live.id))}>Refresh all</ActButton>
            <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
              New agent
            </button>
          </span>
        )}
      </header>
      <Loaded of={live.agents.list} what="its agents">
        {({ isAll }) =>
          sorted.length === 0 ? (
            <div class="empty">
              <p>No agent lives here yet.</p>
              {may('admin') ? (
                <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
                  Create the first one
                </button>
              ) : (
                <p class="quiet">An owner of the town can create one.</p>
              )}
            </div>
          ) : (
            <>
              <ul class="cards">
                {sorted.map((agent) => (
                  <AgentCard key={agent.id} agent={agent} />
                ))}
              </ul>
              {!isAll && <p class="quiet">There are more agents than are shown here.</p>}
            </>
          )
        }
      </Loaded>
      <p class="quiet">
        <a href={hrefOf({ name: 'town', town: live.id, tab: 'timeline' })}>What happened here</a>
      </p>
      {isCreating.value && <NewAgent onClose={() => (isCreating.value = false)} />}
    </section>
  );
}
