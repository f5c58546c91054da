/** What an agent is given of its earlier turns when it starts anew. */
import { describe, expect, it } from 'vitest';
import {
  MAX_EARLIER_TURNS,
  MAX_EARLIER_UNITS,
  SYSTEM_SENDER,
  startAgentSchema,
  type EarlierTurn,
} from '../../../src/protocol/index.ts';
import { TestTown } from '../support/town.ts';

/** Of each start request that a container had, in order. */
const handedOver = (town: TestTown): EarlierTurn[][] =>
  town
    .container()
    .requests.filter(({ path }) => path.endsWith('/start'))
    .map(({ body }) => startAgentSchema.parse(JSON.parse(body)).earlier);

async function finished(town: TestTown, content: string): Promise<void> {
  const { id } = await town.send('ada', content);
  await town.until('ada', id, 'done');
}

async function startAnew(town: TestTown): Promise<EarlierTurn[]> {
  await town.api('POST', '/agents/ada/stop');
  await town.api('POST', '/agents/ada/start');
  return handedOver(town).at(-1) ?? [];
}

describe('a start', () => {
  it('hands over the last turns with people that were done, the oldest first; the first one has none', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    expect(handedOver(town)).toEqual([[]]);
    for (let nth = 1; nth <= MAX_EARLIER_TURNS + 2; nth += 1) await finished(town, `word ${nth}`);
    const earlier = await startAnew(town);
    expect(earlier.map(({ content }) => content)).toEqual(
      Array.from({ length: MAX_EARLIER_TURNS }, (_, at) => `word ${at + 3}`),
    );
    expect(earlier[0]?.reply).toBe('You said: word 3');
  });

  it('cuts long texts, and leaves out what failed, what is open and what the town itself said', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    await finished(town, 'x'.repeat(MAX_EARLIER_UNITS + 1));
    const failed = await town.send('ada', 'fail');
    await town.until('ada', failed.id, 'failed');
    await finished(town, 'delegate bob hello');
    await expect
      .poll(async () => {
        await town.elapse(300);
        const { body } = await town.api<{ items: { sender: string; state: string }[] }>('GET', '/agents/ada/messages');
        return body.items.filter(({ sender, state }) => sender === SYSTEM_SENDER && state === 'done').length;
      })
      .toBe(1);
    await town.work('ada');
    const earlier = await startAnew(town);
    expect(earlier.map(({ content }) => content.slice(0, 12))).toEqual(['x'.repeat(12), 'delegate bob']);
    expect(earlier[0]).toMatchObject({ content: 'x'.repeat(MAX_EARLIER_UNITS) });
    expect(earlier[0]?.reply).toHaveLength(MAX_EARLIER_UNITS);
  });
});
