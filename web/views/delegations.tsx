import { useEffect } from 'preact/hooks';
import type { Delegation } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { useTown } from '../app/town-context.ts';
import { itemsUpTo } from '../lib/all-items.ts';
import { useResource } from '../lib/use-resource.ts';
import { Loaded } from '../parts/loaded.tsx';
import { Badge, type Tone } from '../parts/status.tsx';
import { Moment } from '../parts/time.tsx';
import { DelegationGraph } from './delegation-graph.tsx';
import { inTree } from './delegation-tree.ts';

/** Of a town that a page shows. */
const MOST_DELEGATIONS = 300;

const TONES: Readonly<Record<Delegation['state'], Tone>> = {
  open: 'busy',
  done: 'good',
  failed: 'bad',
  expired: 'bad',
  cancelled: 'off',
};

/** What agents handed to each other: as a graph, and as a list in which a task stands under the one that it is a part of. */
export function DelegationsView() {
  const { live } = useTown();
  const delegations = useResource(
    (signal) =>
      itemsUpTo<Delegation>(MOST_DELEGATIONS, (cursor) =>
        live.client.listDelegations(live.id, { cursor, limit: 100, signal }),
      ),
    [live],
  );
  useEffect(
    () => live.listen(({ type }) => type.startsWith('reeve.delegation.') && delegations.load()),
    [delegations, live],
  );
  return (
    <section aria-labelledby="delegations">
      <h2 id="delegations">Delegations</h2>
      <Loaded of={delegations} what="the delegations">
        {({ items, isAll }) =>
          items.length === 0 ? (
            <p class="empty">No agent has handed a task to another one yet.</p>
          ) : (
            <>
              <DelegationGraph delegations={items} nameOf={(id) => live.agents.byId.value.get(id)?.name ?? id} />
              <Table delegations={items} />
              {!isAll && <p class="quiet">There are more than are shown here.</p>}
            </>
          )
        }
      </Loaded>
    </section>
  );
}

function Table({ delegations }: { readonly delegations: readonly Delegation[] }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Task</th>
            <th scope="col">State</th>
            <th scope="col">Begun</th>
            <th scope="col">Deadline</th>
          </tr>
        </thead>
        <tbody>
          {inTree(delegations).map(({ id, from, to, depth, state, error, created_at, deadline_at, finished_at }) => (
            <tr key={id}>
              <th scope="row" class={`depth-${Math.min(depth, 5)}`}>
                <Agent id={from} /> → <Agent id={to} />
              </th>
              <td>
                <Badge tone={TONES[state]} word={state} /> {error !== null && <span class="quiet">{error}</span>}
              </td>
              <td>
                <Moment at={created_at} />
              </td>
              <td>
                {finished_at === null ? (
                  <Moment at={deadline_at} />
                ) : (
                  <span class="quiet">
                    over <Moment at={finished_at} />
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Agent({ id }: { readonly id: string }) {
  const { live } = useTown();
  const name = live.agents.byId.value.get(id)?.name;
  return <a href={hrefOf({ name: 'agent', town: live.id, agent: id, tab: 'chat' })}>{name ?? id}</a>;
}
