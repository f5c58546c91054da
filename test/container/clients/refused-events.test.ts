/** Reports that something refuses for what they say: each is found, bounded, and holds up nothing behind it for ever. */
import { describe, expect, it } from 'vitest';
import { eventBatchSchema } from '#protocol';
import { SECONDS, type AgentScene } from '../support/agent-scene.ts';
import { problemAnswer, type TownRequest } from '../support/fake-town-api.ts';
import { messageId } from '../../support/ids.ts';
import { delta, finished, reporting, started } from '../support/turn-events.ts';

const MINUTE = 60 * SECONDS;
const blocked = (status = 403): Response => new Response('<html>blocked</html>', { status });
const isEvents = ({ path }: TownRequest): boolean => path.endsWith('/events');
const sizeOf = ({ body }: TownRequest): number => eventBatchSchema.parse(JSON.parse(body)).events.length;
const said = (scene: AgentScene, event: string) => scene.log.lines.filter((line) => line.event === event);

describe('a batch that is refused', () => {
  it('is halved until the one event is alone; all others are taken, in order, and it is dropped after eight tries', async () => {
    const { scene, reporter, acknowledged } = reporting();
    const sizes: number[] = [];
    scene.town.intercept = (request) => {
      sizes.push(sizeOf(request));
      return request.body.includes('poison') ? problemAnswer('invalid_request') : undefined;
    };
    const events = Array.from({ length: 100 }, (_, nth) => delta(nth === 37 ? 'poison' : `${nth}`));
    events.push(finished(1));
    for (const event of events) reporter.add(event);
    await scene.clock.advance(5 * MINUTE);
    expect(scene.town.events).toEqual(events.filter((event) => event !== events[37]));
    expect(acknowledged).toEqual(scene.town.events);
    expect(sizes.slice(0, 3)).toEqual([100, 50, 25]);
    expect(sizes.length).toBeLessThan(40);
    expect(said(scene, 'event_dropped')).toMatchObject([
      { level: 'warn', fields: { type: 'turn.delta', status: 400 } },
    ]);
    expect(scene.clock.pending).toBe(0);
  });

  it('is sent at most four times a second while it is halved', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => blocked(400);
    for (let nth = 0; nth < 100; nth += 1) reporter.add(delta(`${nth}`));
    await scene.clock.advance(SECONDS - 1);
    expect(scene.town.requests).toHaveLength(4);
  });

  it.each([401, 408, 425, 429, 500, 302])('with %i is not: that says nothing of what was sent', async (status) => {
    const { scene, reporter } = reporting();
    const sizes = new Set<number>();
    scene.town.intercept = (request) => {
      if (!isEvents(request)) return blocked(503);
      sizes.add(sizeOf(request));
      return blocked(status);
    };
    const events = [started(1), finished(1), started(2), finished(2)];
    for (const event of events) reporter.add(event);
    await scene.clock.advance(60 * MINUTE);
    expect([...sizes]).toEqual([4]);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(5 * MINUTE);
    expect(scene.town.events).toEqual(events);
  });

  it('with the 403 of the town is not either: the agent lacks a scope, and may get it back', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => problemAnswer('insufficient_scope');
    reporter.add(finished(1));
    await scene.clock.advance(60 * MINUTE);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(MINUTE);
    expect(scene.town.events).toEqual([finished(1)]);
  });
});

describe('a result that is refused', () => {
  it('is replaced by a small one that says so: its turn ends, with an error in the log, and what follows is reported', async () => {
    for (const refusal of [() => blocked(413), () => blocked(403), () => problemAnswer('payload_too_large')]) {
      const { scene, reporter, acknowledged } = reporting();
      scene.town.intercept = ({ body }) => (body.length > 10_000 ? refusal() : undefined);
      for (const event of [started(1), finished(1, 'x'.repeat(20_000)), started(2), finished(2)]) reporter.add(event);
      await scene.clock.advance(3 * MINUTE);
      const { status } = refusal();
      const error = `The report of the result was refused with status ${status}`;
      const small = { ...finished(1), result: { state: 'failed', error } };
      expect(scene.town.events).toEqual([started(1), small, started(2), finished(2)]);
      expect(acknowledged).toEqual(scene.town.events);
      expect(said(scene, 'result_replaced')).toMatchObject([{ level: 'error', fields: { message: messageId(1) } }]);
    }
  });

  it('in every form is dropped, with an error in the log, where others get through', async () => {
    for (const refusal of [() => blocked(403), () => problemAnswer('invalid_request')]) {
      const { scene, reporter, acknowledged } = reporting();
      scene.town.intercept = ({ body }) => (body.includes(messageId(1)) ? refusal() : undefined);
      for (const event of [started(1), finished(1), finished(2), finished(3)]) reporter.add(event);
      await scene.clock.advance(30 * MINUTE);
      expect(scene.town.events).toEqual([finished(2), finished(3)]);
      expect(acknowledged).toEqual(scene.town.events);
      const dropped = said(scene, 'event_dropped').map(({ level, fields }) => [level, fields['type']]);
      expect(dropped).toEqual([
        ['warn', 'turn.started'],
        ['error', 'turn.finished'],
      ]);
      expect(scene.clock.pending).toBe(0);
    }
  });

  it('is kept whole while everything is refused: it says nothing of this one', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => blocked(404);
    for (const event of [finished(1), finished(2)]) reporter.add(event);
    await scene.clock.advance(3 * 60 * MINUTE);
    expect(scene.log.levels('event_dropped')).toEqual([]);
    // Only what is whole gets through now.
    scene.town.intercept = ({ body }) => (body.includes('refused with status') ? blocked(404) : undefined);
    await scene.clock.advance(10 * MINUTE);
    const seen = new Set(scene.town.events.map((event) => JSON.stringify(event)));
    expect(seen).toEqual(new Set([finished(1), finished(2)].map((event) => JSON.stringify(event))));
  });

  it('leaves its counter unused: what comes next is no repeat, also where the town had taken it after all', async () => {
    const { scene, reporter } = reporting();
    const { fetch } = scene.town;
    scene.town.intercept = ({ path, bearer, body }) => {
      if (!body.includes(messageId(1))) return undefined;
      const { intercept } = scene.town;
      scene.town.intercept = () => undefined;
      const headers = { authorization: `Bearer ${bearer}` };
      const init = { method: 'POST', headers, body, redirect: 'manual', signal: scene.life } as const;
      const taken = fetch(`https://town.example${path}`, init);
      scene.town.intercept = intercept;
      return taken.then(() => blocked(400));
    };
    reporter.add(delta('one'));
    await scene.clock.advance(0);
    reporter.add(finished(2));
    await scene.clock.advance(10 * MINUTE);
    expect(scene.town.events).toContainEqual(finished(2));
  });
});
