import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import type { ReeveClient, TownEntry } from '../../client/index.ts';
import { everyItem } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { TownContext, sceneOf, type Right } from '../app/town-context.ts';
import { Resource } from '../lib/resource.ts';
import { TownLive } from '../live/town-live.ts';
import { Loaded } from '../parts/loaded.tsx';

interface Props {
  readonly client: ReeveClient;
  readonly scope: Right;
  readonly town: string;
  readonly children: ComponentChildren;
}

/** Follows a town for as long as one of its views is shown; says so where there is none of that id. */
export function TownFrame({ client, scope, town, children }: Props) {
  const entry = useMemo(() => new Resource(() => entryOf(client, town)), [client, town]);
  useEffect(() => {
    entry.load();
    return () => entry.end();
  }, [entry]);
  return (
    <Loaded of={entry} what="the town">
      {(found) =>
        found === 'none' ? (
          <section class="page">
            <h1>No town of yours is here</h1>
            <p>
              It was deleted, or you are not a member of it. <a href={hrefOf({ name: 'fleet' })}>To your towns</a>
            </p>
          </section>
        ) : (
          <Following client={client} scope={scope} entry={found} onMembers={() => entry.load()}>
            {children}
          </Following>
        )
      }
    </Loaded>
  );
}

/** The list has the role; no town is woken for it. */
async function entryOf(client: ReeveClient, town: string): Promise<TownEntry | 'none'> {
  for await (const entry of everyItem((cursor) => client.listTowns({ cursor, limit: 100 }))) {
    if (entry.id === town) return entry;
  }
  return 'none';
}

interface FollowingProps extends Omit<Props, 'town'> {
  readonly entry: TownEntry;
  /** Who may do what has changed, perhaps for this person. */
  readonly onMembers: () => void;
}

function Following({ client, scope, entry, onMembers, children }: FollowingProps) {
  const live = useSignal<TownLive | null>(null);
  useEffect(() => {
    const followed = new TownLive(client, entry.id);
    live.value = followed;
    followed.listen(({ type }) => type.startsWith('reeve.member.') && onMembers());
    return () => {
      live.value = null;
      followed.end();
    };
  }, [client, entry.id]);
  if (live.value === null) return null;
  return <TownContext.Provider value={sceneOf(live.value, entry, scope)}>{children}</TownContext.Provider>;
}
