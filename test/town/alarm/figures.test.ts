/** What a town says of itself in numbers, behind its work: how often, how truly, and at whose cost. */
import { env, evictDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import type { Figures } from '../../../src/directory/figures.ts';
import { FiguresStore } from '../../../src/directory/figures-store.ts';
import { FIGURES_SPACING_MS } from '../../../src/town/state/figures-plan.ts';
import { PATIENT } from '../../support/patient.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { cutOff } from '../support/passing.ts';
import { costOf } from '../support/statements.ts';
import { TestTown } from '../support/town.ts';

const MINUTE_MS = 60_000;
const store = new FiguresStore(env.DIRECTORY);
const said = async (town: TestTown): Promise<Figures | undefined> => (await store.get(town.id))?.figures;
/** Waits for what a town says behind its answers. */
const untilSaid = (town: TestTown, expected: Figures): Promise<void> =>
  vi.waitFor(async () => expect(await said(town)).toMatchObject(expected), PATIENT);

/** A message to an idle agent, to its end. */
async function turn(town: TestTown, agent = 'ada'): Promise<void> {
  const { id } = await town.send(agent, 'hello');
  await town.until(agent, id, 'done');
  await town.settled();
}

/** What is published while `work` lasts. */
async function publishedDuring(work: () => Promise<void>): Promise<Figures[]> {
  const publish = vi.spyOn(FiguresStore.prototype, 'publish');
  await work();
  const figures = publish.mock.calls.map(([, published]) => published.figures);
  publish.mockRestore();
  return figures;
}

describe('the figures of a town', () => {
  it('are there from its creation on: a town that rests, and is well', async () => {
    const town = await TestTown.create();
    await untilSaid(town, { status: 0, rests: 1, in_use: 0, waiting: 0, agents_idle: 0, delivered: 0 });
  });

  it('tell of the tokens that are in use the times from which ages follow, and of none once the work is over', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.settled();
    lab.clock.advance(FIGURES_SPACING_MS);
    await town.work('ada', 60);
    await town.settled();
    lab.clock.advance(FIGURES_SPACING_MS);
    await town.read('ada');
    const { credential } = await town.read('ada');
    await untilSaid(town, {
      in_use: 1,
      agents_working: 1,
      containers_running: 1,
      expires_first_at_ms: Date.parse(credential.expires_at ?? ''),
      expires_p1_at_ms: Date.parse(credential.expires_at ?? ''),
      issued_first_at_ms: Date.parse(credential.issued_at ?? ''),
      gap_acked: 0,
      rests: 0,
    });
    await town.api('DELETE', '/agents/ada');
    await town.settled();
    await untilSaid(town, { in_use: 0, agents_working: 0, rests: 1 });
    expect(await said(town)).not.toHaveProperty('expires_first_at_ms');
  });

  it('are said at most twice in five minutes: of a burst of turns, once how it begins and once how the town rests', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.settled();
    lab.clock.advance(FIGURES_SPACING_MS);
    const published = await publishedDuring(async () => {
      for (let nth = 0; nth < 5; nth += 1) await turn(town);
    });
    expect(published.length).toBeLessThanOrEqual(2);
    expect(published.at(-1)).toMatchObject({ rests: 1, in_use: 0, waiting: 0 });
  });

  it('are not said where nothing was written, and not written twice', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await turn(town);
    lab.clock.advance(FIGURES_SPACING_MS);
    await town.read('ada');
    await town.settled();
    const again = await publishedDuring(async () => {
      for (let nth = 0; nth < 5; nth += 1) {
        lab.clock.advance(FIGURES_SPACING_MS);
        await town.read('ada');
        await town.settled();
      }
    });
    expect(again).toEqual([]);
  });

  it('count each delivery and each turn once, though the object leaves memory between them', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    for (let nth = 0; nth < 3; nth += 1) {
      await turn(town);
      await evictDurableObject(town.stub);
      lab.clock.advance(MINUTE_MS);
    }
    lab.clock.advance(FIGURES_SPACING_MS);
    await turn(town);
    lab.clock.advance(FIGURES_SPACING_MS);
    await turn(town);
    lab.clock.advance(FIGURES_SPACING_MS);
    await town.read('ada');
    await untilSaid(town, { delivered: 5, turns_done: 5, turns_failed: 0, issued_start: 1, issued_delivery: 5 });
  });

  it('tell at once of trouble that a town comes to rest with', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.settled();
    await untilSaid(town, { rests: 1, status: 0 });
    lab.clock.advance(MINUTE_MS);
    await inside(town, (p) => {
      const { id } = p.agents.find('ada') ?? {};
      if (id === undefined) throw new Error('ada is there');
      p.agents.move(id, 'failed');
      const data = { incarnation: 1, restarts: 6, why: 'restarts_exhausted' as const };
      p.events.append('reeve.agent.failed', id, data, lab.clock.now());
    });
    await town.read('ada');
    await untilSaid(town, { rests: 1, status: 2, agents_failed: 1 });
  });

  it('stay as they are where the directory cannot be written, which no caller sees, and are said again after a while', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.settled();
    lab.clock.advance(FIGURES_SPACING_MS);
    const publish = vi.spyOn(FiguresStore.prototype, 'publish').mockRejectedValue(new Error('D1 is down'));
    await turn(town);
    await turn(town);
    expect(publish).toHaveBeenCalledTimes(1);
    publish.mockRestore();
    lab.clock.advance(FIGURES_SPACING_MS);
    await town.read('ada');
    await untilSaid(town, { delivered: 2, rests: 1 });
  });

  it('say since when messages wait for a container that is not reached, and that pushes fail', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await turn(town);
    lab.clock.advance(FIGURES_SPACING_MS);
    cutOff(town);
    const { created_at } = await town.send('ada', 'hello');
    await town.settled();
    lab.clock.advance(FIGURES_SPACING_MS);
    await town.read('ada');
    await untilSaid(town, { waiting: 1, waiting_first_at_ms: Date.parse(created_at), failing: 1 });
  });

  it('write no row of the town', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await turn(town);
    lab.clock.advance(FIGURES_SPACING_MS);
    const publish = vi.spyOn(FiguresStore.prototype, 'publish');
    const { written } = await costOf(async () => {
      await town.read('ada');
      await town.settled();
    });
    expect([publish.mock.calls.length, written]).toEqual([1, 0]);
    publish.mockRestore();
  });
});
