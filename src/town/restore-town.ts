import { noteAnswer, noteSession } from './containers.ts';
import type { TownPorts } from './ports.ts';

/**
 * After the database was put back to an earlier state: whatever was issued before now is refused, so no token that was revoked
 * or retired since that state comes back, and every container gets a new session, in which live agents start again by
 * themselves. Answers how many containers have their new session; the others get it at their next contact. Idempotent.
 */
export async function restoreTown(p: TownPorts): Promise<{ containers: number; renewed: number }> {
  p.transaction(() => {
    const now = p.clock.now();
    // Times in tokens are whole seconds: the next one, so that nothing issued within this second passes.
    p.town.setValidFrom((Math.floor(now / 1000) + 1) * 1000);
    p.events.append('reeve.town.restored', p.id, {}, now);
  });
  const containers = p.containers.list().map(({ index }) => index);
  const renewed = await Promise.all(
    containers.map(async (index) => {
      const answer = await p.slots.run('delivery', index, () => p.link(index).renew());
      if (answer.kind !== 'answered') noteAnswer(p, index, answer);
      else noteSession(p, index, answer.value);
      return answer.kind === 'answered';
    }),
  );
  return { containers: containers.length, renewed: renewed.filter(Boolean).length };
}
