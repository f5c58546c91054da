import { describe, expect, it } from 'vitest';
import { eventBatchSchema } from '#protocol';
import { SECONDS, type AgentScene } from '../support/agent-scene.ts';
import { hang, page, problemAnswer } from '../support/fake-town-api.ts';
import { messageId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';
import { delta, finished, reporting, started } from '../support/turn-events.ts';

const counters = (scene: AgentScene): number[] =>
  scene.town.requests.map(({ body }) => eventBatchSchema.parse(JSON.parse(body)).counter);

describe('EventReporter', () => {
  it('sends the first event at once and the next batch a quarter of a second later', async () => {
    const { scene, reporter, acknowledged } = reporting();
    reporter.add(delta('one'));
    await scene.clock.advance(0);
    reporter.add(delta('two'));
    reporter.add(delta('three'));
    await scene.clock.advance(249);
    expect(scene.town.events).toEqual([delta('one')]);
    await scene.clock.advance(1);
    expect(scene.town.counters).toEqual([1, 2]);
    expect(scene.town.events).toEqual([delta('one'), delta('two'), delta('three')]);
    expect(acknowledged).toEqual(scene.town.events);
    expect(scene.clock.pending).toBe(0);
  });

  it('sends what is about one turn in the trace of that turn, and what is about several in none', async () => {
    const { scene, reporter } = reporting();
    reporter.add(started(1));
    await scene.clock.advance(0);
    reporter.add(delta('one'));
    reporter.add(delta('two'));
    await scene.clock.advance(SECONDS);
    scene.town.intercept = () => problemAnswer('unavailable');
    reporter.add(finished(1));
    await scene.clock.advance(0);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(SECONDS);
    reporter.add(delta('late'));
    reporter.add(started(2));
    await scene.clock.advance(SECONDS);
    const traces = scene.town.requests.map(({ traceparent }) => traceparent?.slice(3, 35) ?? null);
    expect(traces).toEqual(['1', '1', '1', '1', null].map((digit) => digit?.repeat(32) ?? null));
  });

  it('sends a start, a result and a question at once, also right after a batch', async () => {
    const { scene, reporter } = reporting();
    reporter.add(started(1));
    await scene.clock.advance(0);
    reporter.add(delta('one'));
    await scene.clock.advance(10);
    expect(scene.town.events).toEqual([started(1)]);
    reporter.add(finished(1));
    await scene.clock.advance(0);
    expect(scene.town.events).toEqual([started(1), delta('one'), finished(1)]);
    expect(scene.town.counters).toEqual([1, 2]);
  });

  it('sends at most six batches a second, however many results there are, and each of them', async () => {
    const { scene, reporter } = reporting();
    const sentAtMs: number[] = [];
    scene.town.intercept = () => void sentAtMs.push(scene.clock.monoMs());
    for (let turn = 1; turn <= 300; turn += 1) {
      reporter.add(finished(turn));
      await scene.clock.advance(10);
    }
    await scene.clock.advance(2 * SECONDS);
    expect(scene.town.events).toHaveLength(300);
    const inOneSecond = sentAtMs.map((from) => sentAtMs.filter((at) => at >= from && at < from + SECONDS).length);
    expect(Math.max(...inOneSecond)).toBe(6);
    expect(sentAtMs.length).toBeGreaterThan(15);
  });

  it('keeps a result back where the town could not be reached, as long as its backoff lasts', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => problemAnswer('unavailable');
    reporter.add(delta('one'));
    await scene.clock.advance(0);
    const before = scene.town.requests.length;
    reporter.add(finished(1));
    await scene.clock.advance(200);
    expect(scene.town.requests.length).toBe(before);
  });

  it('sends at most four batches a second of what is only shown, whatever is said', async () => {
    const { scene, reporter } = reporting();
    for (let tick = 0; tick < 99; tick += 1) {
      reporter.add(delta(`tick ${tick}`));
      await scene.clock.advance(10);
    }
    expect(scene.town.counters).toEqual([1, 2, 3, 4]);
  });

  it('keeps to that rate where the town refuses at once, and answers again', async () => {
    const { scene, reporter } = reporting();
    const sentAtMs: number[] = [];
    let refusals = 0;
    scene.town.intercept = () => {
      sentAtMs.push(scene.clock.monoMs());
      return (refusals += 1) % 2 === 1 ? problemAnswer('unavailable') : undefined;
    };
    for (let tick = 0; tick < 400; tick += 1) {
      reporter.add(delta(`tick ${tick}`));
      await scene.clock.advance(10);
    }
    const inOneSecond = sentAtMs.map((from) => sentAtMs.filter((at) => at >= from && at < from + SECONDS).length);
    expect(sentAtMs.length).toBeGreaterThan(8);
    expect(Math.max(...inOneSecond)).toBeLessThanOrEqual(4);
  });

  it('under pressure deltas go first and results never: all results arrive, in order, after an outage', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => problemAnswer('unavailable');
    for (let turn = 1; turn <= 5; turn += 1) {
      for (let piece = 0; piece < 1000; piece += 1) reporter.add(delta(`${turn}.${piece}`));
      reporter.add(finished(turn));
      await scene.clock.advance(SECONDS);
    }
    scene.town.intercept = () => undefined;
    await scene.clock.advance(120 * SECONDS);
    const results = scene.town.events.filter((event) => event.type === 'turn.finished');
    expect(results.map(({ message }) => message)).toEqual([1, 2, 3, 4, 5].map(messageId));
    const deltas = scene.town.events.filter(({ type }) => type === 'turn.delta');
    // The batch that was under way when the outage began, and a buffer of 2,000 with three results in it.
    expect(deltas.length).toBeLessThanOrEqual(100 + 2000);
    expect(deltas.length).toBeGreaterThan(1900);
  });

  it('sends one batch under one counter until it is acknowledged, with backoff', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => problemAnswer('unavailable');
    reporter.add(delta('one'));
    await scene.clock.advance(5 * SECONDS);
    reporter.add(delta('two'));
    const tries = counters(scene).length;
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(10);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(60 * SECONDS);
    expect(new Set(counters(scene))).toEqual(new Set([1, 2]));
    expect(scene.town.events).toEqual([delta('one'), delta('two')]);
    expect(scene.log.levels('events_not_reported').length).toBeGreaterThanOrEqual(3);
  });

  it('a batch whose answer got lost is sent again, and the town takes it once', async () => {
    const { scene, reporter, acknowledged } = reporting();
    let lost = false;
    const { fetch } = scene.town;
    scene.town.intercept = ({ path, bearer, body }) => {
      if (lost) return undefined;
      lost = true;
      const init = {
        method: 'POST',
        headers: { authorization: `Bearer ${bearer}` },
        body,
        redirect: 'manual',
        signal: scene.life,
      } as const;
      return fetch(`https://town.example${path}`, init).then(() => Promise.reject(new TypeError('connection reset')));
    };
    reporter.add(delta('one'));
    await scene.clock.advance(SECONDS);
    expect(scene.town.counters).toEqual([1, 1]);
    expect(scene.town.events).toEqual([delta('one')]);
    expect(acknowledged).toEqual([delta('one')]);
  });

  it('a 2xx acknowledges a batch only where it says so, and for this one', async () => {
    const { scene, reporter, acknowledged } = reporting();
    const answers = [
      page,
      () => new Response(null, { status: 202 }),
      () => Response.json({ counter: 2, repeated: false }),
      () => Response.json({ counter: 1 }),
    ];
    scene.town.intercept = () => answers.shift()?.();
    reporter.add(delta('one'));
    await scene.clock.advance(0);
    for (let tries = 1; tries <= 4; tries += 1) {
      expect(scene.town.requests).toHaveLength(tries);
      expect(acknowledged).toEqual([]);
      await scene.clock.advance(scene.clock.nextInMs());
    }
    expect(scene.town.counters).toEqual([1]);
    expect(acknowledged).toEqual([delta('one')]);
    expect(scene.client.takeErrorRate()).toBe(4 / 5);
  });

  it('W-18: a slow answer is waited for; there are never two requests at once', async () => {
    const { scene, reporter } = reporting();
    const slow = Promise.withResolvers<Response>();
    scene.town.intercept = () => slow.promise;
    reporter.add(delta('one'));
    await scene.clock.advance(5 * SECONDS);
    reporter.add(delta('two'));
    await scene.clock.advance(SECONDS);
    expect(scene.town.requests).toHaveLength(1);
    scene.town.intercept = () => undefined;
    slow.resolve(Response.json({ counter: 1, repeated: false }));
    await scene.clock.advance(SECONDS);
    expect(counters(scene)).toEqual([1, 2]);
  });

  it('waits as long as a client that pauses', async () => {
    const { scene, reporter } = reporting();
    scene.town.intercept = () => problemAnswer('invalid_token');
    reporter.add(delta('one'));
    await scene.clock.advance(30 * SECONDS);
    const before = scene.town.count('/events');
    await scene.clock.advance(60 * SECONDS);
    expect(scene.town.count('/events') - before).toBeLessThanOrEqual(1);
    scene.town.intercept = () => undefined;
    await scene.clock.advance(120 * SECONDS);
    expect(scene.town.events).toEqual([delta('one')]);
  });

  it('W-12: stops for good when the agent is over', async () => {
    const { scene, reporter } = reporting();
    scene.town.refuse(scene.first, 'agent_retired');
    reporter.add(delta('one'));
    await scene.clock.advance(SECONDS);
    reporter.add(delta('two'));
    await reporter.drained();
    await scene.clock.advance(60 * SECONDS);
    expect(scene.town.count('/events')).toBe(1);
    expect(scene.clock.pending).toBe(0);
  });

  it('W-17: the teardown ends it, also in the middle of a request', async () => {
    const { scene, reporter, acknowledged } = reporting();
    scene.town.intercept = hang;
    reporter.add(delta('one'));
    await scene.clock.advance(SECONDS);
    const drained = reporter.drained();
    scene.teardown();
    await drained;
    expect(acknowledged).toEqual([]);
    expect(scene.clock.pending).toBe(0);
  });

  it('is drained when everything is acknowledged, and not before', async () => {
    const { scene, reporter } = reporting();
    await reporter.drained();
    reporter.add(delta('one'));
    let drained = false;
    void reporter.drained().then(() => (drained = true));
    await settle();
    expect(drained).toBe(false);
    await scene.clock.advance(0);
    expect(drained).toBe(true);
  });
});

describe('events that are not reported', () => {
  it('are logged with the status that they met, or with none where nothing was met', async () => {
    const { scene, reporter } = reporting();
    const logged = () =>
      scene.log.lines.filter(({ event }) => event === 'events_not_reported').map(({ fields }) => fields);
    scene.town.intercept = () => problemAnswer('internal');
    reporter.add(delta('one'));
    await scene.clock.advance(0);
    expect(logged()).toMatchObject([{ agent: scene.agent, failures: 1, outcome: 'refused', status: 500 }]);
    scene.town.intercept = () => Promise.reject(new TypeError('fetch failed'));
    await scene.clock.advance(60 * SECONDS);
    expect(logged()[1]).toMatchObject({ failures: 2, outcome: 'unreachable' });
    expect(logged()[1]?.['status']).toBeUndefined();
  });
});
