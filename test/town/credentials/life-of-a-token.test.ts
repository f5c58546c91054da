import { describe, expect, it } from 'vitest';
import { TestTown } from '../support/town.ts';

describe('life of a token', () => {
  it('K-01: a message to a running agent arrives with a fresh token in the same request; its process stays', async () => {
    const town = await TestTown.create();
    const before = await town.agent('ada');
    expect(before).toMatchObject({ state: 'idle', incarnation: 1, credential: { minted: 1, acked: 1 } });
    const { id } = await town.send('ada', 'hello');
    const message = await town.until('ada', id, 'done');
    expect(message.reply).toContain('hello');
    const after = await town.read('ada');
    expect(after.process_id).toBe(before.process_id);
  });
});
