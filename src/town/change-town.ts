import type { TownChange, TownView } from '#protocol';
import type { TownPorts } from './ports.ts';
import { readTown } from './read-town.ts';

/**
 * Sets for which audiences agents may exchange their tokens. One that is taken away is refused from here on, also to tokens that are
 * out, as far as the town is asked about them. The same again changes nothing. Returns the town as it is then.
 */
export function changeTown(p: TownPorts, { token_audiences: audiences }: TownChange): TownView {
  p.transaction(() => {
    if (JSON.stringify(p.town.get()?.tokenAudiences) === JSON.stringify(audiences)) return;
    p.town.allowAudiences(audiences);
    p.events.append('reeve.town.changed', p.id, { token_audiences: audiences }, p.clock.now());
  });
  return readTown(p);
}
