/** The town that a view shows, and what the person who looks at it may do there. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Caller, TownEntry } from '../../client/index.ts';
import type { TownLive } from '../live/town-live.ts';

export type Right = Caller['scope'];

export interface TownScene {
  readonly live: TownLive;
  readonly entry: TownEntry;
  /** Whether role and credential together allow what needs this. */
  readonly may: (right: Right) => boolean;
}

const RIGHTS: readonly Right[] = ['read', 'chat', 'admin'];
/** docs/people.md has the same table. */
const ROLE_ALLOWS = { viewer: 'read', member: 'chat', owner: 'admin' } as const;

export const sceneOf = (live: TownLive, entry: TownEntry, scope: Right): TownScene => ({
  live,
  entry,
  may: (right) => [scope, ROLE_ALLOWS[entry.role]].every((allowed) => RIGHTS.indexOf(allowed) >= RIGHTS.indexOf(right)),
});

export const TownContext = createContext<TownScene | null>(null);

/** Throws outside of a town's page. */
export function useTown(): TownScene {
  const found = useContext(TownContext);
  if (found === null) throw new Error('no town around this view');
  return found;
}
