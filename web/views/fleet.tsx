import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Health, ReeveClient, TownEntry } from '../../client/index.ts';
import { useConsole } from '../app/console.ts';
import { hrefOf } from '../app/route.ts';
import type { Right } from '../app/town-context.ts';
import { everyWhileSeen } from '../lib/browser.ts';
import { itemsUpTo } from '../lib/all-items.ts';
import { useResource } from '../lib/use-resource.ts';
import { FormDialog } from '../parts/dialog.tsx';
import { NameField } from '../parts/field.tsx';
import { Loaded } from '../parts/loaded.tsx';
import { Badge, HealthBadge } from '../parts/status.tsx';
import { Moment } from '../parts/time.tsx';

/** Of one person that a page shows. */
const MOST_TOWNS = 500;
/** Towns whose health is asked for at the same time: each wakes one object. */
const AT_ONCE = 6;
/** All of it is read again after this (ms), while it is looked at. */
const READ_AGAIN_MS = 30_000;

interface Standing {
  readonly entry: TownEntry;
  /** An error: it could not be asked. */
  readonly health: Health | Error;
}

interface Fleet {
  readonly towns: readonly Standing[];
  readonly isAll: boolean;
}

const WORST_FIRST = { red: 0, amber: 2, green: 3 } as const;

/** What is unknown comes right after what is known to be bad. */
const rank = ({ health }: Standing): number => (health instanceof Error ? 1 : WORST_FIRST[health.status]);

async function readFleet(client: ReeveClient, signal: AbortSignal): Promise<Fleet> {
  const { items, isAll } = await itemsUpTo<TownEntry>(MOST_TOWNS, (cursor) =>
    client.listTowns({ cursor, limit: 100, signal }),
  );
  const towns: Standing[] = [];
  const waiting = [...items];
  const ask = async (): Promise<void> => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
      const health = await client.getTownHealth(entry.id, { signal }).catch((thrown: Error) => thrown);
      towns.push({ entry, health });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return {
    towns: towns.toSorted((one, other) => rank(one) - rank(other) || one.entry.name.localeCompare(other.entry.name)),
    isAll,
  };
}

/** All towns of the person, those in trouble first. */
export function FleetView({ client, scope }: { readonly client: ReeveClient; readonly scope: Right }) {
  const fleet = useResource((signal) => readFleet(client, signal), [client]);
  const isCreating = useSignal(false);
  useEffect(() => everyWhileSeen(READ_AGAIN_MS, () => fleet.load()), [fleet]);
  const create = scope === 'admin' && (
    <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
      New town
    </button>
  );
  return (
    <section class="page">
      <header class="title">
        <h1>Towns</h1>
        {create}
      </header>
      <Loaded of={fleet} what="your towns">
        {({ towns, isAll }) =>
          towns.length === 0 ? (
            <div class="empty">
              <p>You are a member of no town yet. A town holds agents that work together.</p>
              {create || <p class="quiet">Ask an owner of one to add you, by your name at the top right.</p>}
            </div>
          ) : (
            <>
              <ul class="cards">
                {towns.map((standing) => (
                  <TownCard key={standing.entry.id} {...standing} />
                ))}
              </ul>
              {!isAll && <p class="quiet">These are the first {MOST_TOWNS}; reeve towns list has all.</p>}
            </>
          )
        }
      </Loaded>
      {isCreating.value && <NewTown client={client} onClose={() => (isCreating.value = false)} />}
    </section>
  );
}

function TownCard({ entry, health }: Standing) {
  const reasons = health instanceof Error ? [] : health.reasons;
  return (
    <li class="card">
      <h2>
        <a href={hrefOf({ name: 'town', town: entry.id, tab: 'overview' })}>{entry.name}</a>
      </h2>
      {health instanceof Error ? (
        <Badge tone="warn" word="unknown" title={health.message} />
      ) : (
        <HealthBadge status={health.status} />
      )}
      <p class="quiet">
        You are {entry.role === 'owner' ? 'an owner' : `a ${entry.role}`}; made <Moment at={entry.created_at} />
      </p>
      {health instanceof Error && <p class="trouble">{health.message}</p>}
      {reasons.slice(0, 2).map(({ code, agent, detail }) => (
        <p key={`${code} ${agent ?? ''}`} class="reason">
          {detail}
        </p>
      ))}
      {reasons.length > 2 && <p class="quiet">and {reasons.length - 2} more</p>}
    </li>
  );
}

function NewTown({ client, onClose }: { readonly client: ReeveClient; readonly onClose: () => void }) {
  const shown = useConsole();
  const name = useSignal('');
  return (
    <FormDialog
      title="New town"
      verb="Create"
      onClose={onClose}
      act={async () => {
        const town = await client.createTown({ name: name.peek().trim() });
        location.hash = hrefOf({ name: 'town', town: town.id, tab: 'overview' });
        shown.notify('done', `${town.name} is there.`);
        return null;
      }}
    >
      <NameField value={name} />
    </FormDialog>
  );
}
