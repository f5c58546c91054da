/** The alarm of a town comes to rest, whatever is in its rows. */
import { describe, expect, it } from 'vitest';
import { lab } from '../support/lab.ts';
import { rewrite } from '../support/inside.ts';
import { TestTown } from '../support/town.ts';

describe('a due time that no work moves', () => {
  it('costs a run a minute, not one a millisecond, and delays nothing else', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    // A row that the product does not write: a message of an agent that never was.
    await rewrite(
      town,
      `INSERT INTO messages (id, agent, seq, state, content, sender, deliver_at_ms, created_at_ms)
       VALUES ('msg_1', 'agt_1', 1, 'queued', 'x', 'person:dev', 1, 1)`,
    );
    await town.api('GET', '');
    const began = lab.clock.now();
    const rings: number[] = [];
    for (let ring = 0; ring < 12; ring += 1) {
      await town.ring();
      rings.push(lab.clock.now() - began);
    }
    expect(rings[1]).toBeLessThan(1000);
    expect(rings.at(-1)).toBeGreaterThan(8 * 60_000);
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
  });
});
