import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Caller, ReeveClient, TownEntry } from '../../client/index.ts';
import { everyItem } from '../../client/index.ts';
import { hrefOf } from '../app/route.ts';
import { TownContext, sceneOf } from '../app/town-context.ts';
import { everyWhileSeen } from '../lib/browser.ts';
import { useResource } from '../lib/use-resource.ts';
import { TownLive } from '../live/town-live.ts';
import { Loaded } from '../parts/loaded.tsx';

/** The role of the person is read again after this (ms), while the page is looked at. */
const READ_AGAIN_MS = 60_000;

interface Props {
  readonly client: ReeveClient;
  readonly caller: Caller;
  readonly town: string;
  readonly children: ComponentChildren;
}

/** Follows a town for as long as one of its views is shown; says so where there is none of that id. */
export function TownFrame({ client, caller, town, children }: Props) {
  const entry = useResource(() => entryOf(client, town), [client, town]);
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
          <Following
            client={client}
            caller={caller}
            entry={found}
            onDoubt={() => entry.load()}
            onRole={(role) => entry.put(role === null ? 'none' : { ...found, role })}
          >
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
  /** The role of the person has changed; null: they are no member any more. */
  readonly onRole: (role: TownEntry['role'] | null) => void;
  /** It may have changed without an event that was seen here. */
  readonly onDoubt: () => void;
}

function Following({ client, caller, entry, onRole, onDoubt, children }: FollowingProps) {
  const live = useSignal<TownLive | null>(null);
  useEffect(() => {
    const followed = new TownLive(client, entry.id);
    live.value = followed;
    // By the event itself: the list of towns is a copy, which learns of it later.
    followed.listen(({ type, subject, data }) => {
      if (subject !== caller.subject) return;
      if (type === 'reeve.member.changed') onRole(data.role);
      if (type === 'reeve.member.removed') onRole(null);
    });
    const stopReading = everyWhileSeen(READ_AGAIN_MS, onDoubt);
    return () => {
      live.value = null;
      stopReading();
      followed.end();
    };
  }, [client, entry.id]);
  if (live.value === null) return null;
  return <TownContext.Provider value={sceneOf(live.value, entry, caller.scope)}>{children}</TownContext.Provider>;
}
