import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { afterEach, describe, expect, it } from 'vitest';
import type { TownHealth, WebhookTest, WebhookView } from '../../../src/protocol/index.ts';
import { lab, HANGS } from '../support/lab.ts';
import { TestHook, answersWith, held, takes } from '../support/hooks.ts';
import { TestTown } from '../support/town.ts';
import { costOf } from '../support/statements.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

afterEach(() => lab.end());

const typesOf = async (town: TestTown): Promise<string[]> => (await town.events()).map(({ type }) => type);
const healthOf = async (town: TestTown) => (await town.api<TownHealth>('GET', '/health')).body.reasons;

describe('a webhook', () => {
  it('gets the events that it wants, signed, in order, each with an id of its own, and no other', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', ['reeve.agent.created', 'reeve.turn.*']);
    await town.agent('ada');
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    await town.settled();
    expect(hook.events.map(({ type }) => type)).toEqual([
      'reeve.agent.created',
      'reeve.turn.started',
      'reeve.turn.finished',
    ]);
    const stored = await town.events();
    for (const event of hook.events) expect(stored).toContainEqual(event);
    expect(new Set(hook.posts.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
    expect(await hook.read()).toMatchObject({ enabled: true, failing_since: null, last_error: null });
  });

  it('gets nothing of before it was made, and nothing of what webhooks themselves do', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const hook = await TestHook.create(town, 'board', ['reeve.*']);
    const other = await TestHook.create(town, 'other', ['reeve.agent.created'], answersWith(410));
    await town.agent('bob');
    await town.settled();
    expect(hook.events.map(({ type }) => type)).not.toContain('reeve.town.created');
    expect(hook.events.filter(({ type }) => type.startsWith('reeve.webhook.'))).toEqual([]);
    expect(await other.read()).toMatchObject({ enabled: false });
  });

  it('K-10: leaves no alarm in an idle town, whether it wants what happens or not', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    await town.agent('ada');
    await town.elapse(HOUR_MS);
    expect(hook.names).toEqual(['ada']);
    expect(await town.alarmAt()).toBeNull();
    await hook.change({ enabled: false });
    await town.agent('bob');
    await town.elapse(HOUR_MS);
    expect(await town.alarmAt()).toBeNull();
  });

  it('costs two rows for an event that it wants, and none for another', async () => {
    const town = await TestTown.create();
    await TestHook.create(town, 'board', ['reeve.town.restored']);
    const restored = async (): Promise<void> => {
      await town.api('POST', '/restored');
      await town.settled();
    };
    const change = async (): Promise<void> => {
      await town.api('PATCH', '', { token_audiences: [String(lab.clock.now())] });
      lab.clock.advance(1000);
      await town.settled();
    };
    await restored();
    await change();
    const [wanted, other] = [await costOf(restored), await costOf(change)];
    const touching = ({ queries }: typeof wanted): number =>
      queries.filter((q) => q.includes('UPDATE webhooks')).length;
    expect([touching(wanted), touching(other)]).toEqual([2, 0]);
  });

  it('is disabled by an answer 410, which an event and the health tell of', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, answersWith(410));
    await town.agent('ada');
    await town.settled();
    expect(await hook.read()).toMatchObject({ enabled: false, disabled: { why: 'gone' } });
    expect((await town.events()).at(-1)).toMatchObject({ type: 'reeve.webhook.disabled', data: { why: 'gone' } });
    expect(await healthOf(town)).toMatchObject([{ code: 'webhook_disabled', status: 'amber' }]);
    await town.agent('bob');
    await town.elapse(DAY_MS);
    expect(hook.posts).toHaveLength(1);
  });

  it('goes on where it stopped once a person enables it, and gets what happened meanwhile', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    await town.agent('ada');
    await town.settled();
    await hook.change({ enabled: false });
    await town.agent('bob');
    await town.agent('cyd');
    await town.settled();
    expect(hook.names).toEqual(['ada']);
    expect(await hook.change({ enabled: true })).toMatchObject({ enabled: true, disabled: null });
    await town.settled();
    expect(hook.names).toEqual(['ada', 'bob', 'cyd']);
  });

  it('gets nothing again that it took before a person stopped it in the midst of a burst', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    await hook.change({ enabled: false });
    for (const name of ['ada', 'bob', 'cyd']) await town.agent(name);
    const slow = held(takes);
    hook.receiver = (posted) => (hook.posts.length === 2 ? slow.receiver(posted) : takes(posted));
    await hook.change({ enabled: true });
    await expect.poll(() => hook.posts.length).toBe(2);
    await hook.change({ enabled: false });
    slow.answer();
    await town.settled();
    expect(hook.names).toEqual(['ada', 'bob']);
    await hook.change({ enabled: true });
    await town.settled();
    expect(hook.names).toEqual(['ada', 'bob', 'cyd']);
  });

  it('gets what it wants by its new filters from the next event on', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    await town.agent('ada');
    await hook.change({ events: ['reeve.agent.revoked'] });
    await town.agent('bob');
    await town.api('POST', '/agents/bob/revoke');
    await town.settled();
    expect(hook.events.map(({ type }) => type)).toEqual(['reeve.agent.created', 'reeve.agent.revoked']);
  });

  it('gets nothing more once it is deleted, and so with its town', async () => {
    const town = await TestTown.create();
    const [one, other] = [await TestHook.create(town, 'one'), await TestHook.create(town, 'other', ['reeve.*'])];
    await town.api('DELETE', `/webhooks/${one.view.id}`);
    expect((await town.api('GET', `/webhooks/${one.view.id}`)).status).toBe(404);
    await town.agent('ada');
    await town.settled();
    const before = other.posts.length;
    // Its container confirms nothing, so that the end takes its time, and events.
    town.container().network = () => Promise.reject(new TypeError('the connection was reset'));
    expect((await town.api('DELETE', '')).status).toBe(202);
    await town.elapse(HOUR_MS);
    expect([one.posts.length, other.posts.length]).toEqual([0, before]);
    expect(await town.alarmAt()).toBeNull();
  });

  it('is one of ten of its town at most', async () => {
    const town = await TestTown.create();
    for (let nth = 0; nth < 10; nth += 1) await TestHook.create(town, `n${nth}`);
    const order = { url: 'https://one.example.com/more', events: ['reeve.*'] };
    expect((await town.api('POST', '/webhooks', order)).status).toBe(429);
  });

  it('can be tried: its receiver gets a signed event that is stored nowhere, and its person what came of it', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    const trial = async () => (await town.api<WebhookTest>('POST', `/webhooks/${hook.view.id}/test`)).body;
    expect(await trial()).toEqual({ taken: true, error: null });
    expect(hook.events).toMatchObject([{ type: 'reeve.webhook.test', subject: hook.view.id }]);
    hook.receiver = answersWith(410);
    expect(await trial()).toEqual({ taken: false, error: 'http_410' });
    lab.receivers.clear();
    expect(await trial()).toEqual({ taken: false, error: 'unreachable' });
    expect(await hook.read()).toMatchObject({ enabled: true, failing_since: null });
    expect(await typesOf(town)).not.toContain('reeve.webhook.test');
  });
});

describe('a receiver that takes nothing', () => {
  it.each([
    ['answers 500', answersWith(500), 'http_500'],
    ['redirects', answersWith(302, { location: 'https://elsewhere.example.com/' }), 'redirect'],
    ['refuses', answersWith(404), 'http_404'],
  ] as const)(
    'and %s is tried again ever more rarely, with the same id, and then in order',
    async (_, fails, error) => {
      const town = await TestTown.create();
      const hook = await TestHook.create(town, 'board', undefined, fails);
      await town.agent('ada');
      await town.settled();
      await town.agent('bob');
      await town.settled();
      expect(hook.posts).toHaveLength(1);
      const tried = await hook.read();
      expect(tried).toMatchObject({ last_error: error, enabled: true });
      expect(Date.parse(tried.next_try_at ?? '') - lab.clock.now()).toBe(5000);
      await town.elapse(5000);
      await town.elapse(10_000);
      await town.elapse(20_000);
      await town.settled();
      expect(hook.posts).toHaveLength(4);
      hook.receiver = takes;
      await town.elapse(41_000);
      await town.settled();
      expect(new Set(hook.posts.slice(0, 5).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
      expect(hook.names.slice(4)).toEqual(['ada', 'bob']);
      expect(await hook.read()).toMatchObject({ failing_since: null, last_error: null, next_try_at: null });
      expect(await healthOf(town)).toEqual([]);
    },
  );

  it.each(['change', 'rotation'])('is tried at once after a %s, whatever time it was to wait', async (what) => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, answersWith(503, { 'retry-after': '7200' }));
    await town.agent('ada');
    await town.settled();
    hook.receiver = takes;
    if (what === 'change') await hook.change({ description: 'mended' });
    else await town.api('POST', `/webhooks/${hook.view.id}/rotate`);
    await town.settled();
    expect(hook.posts).toHaveLength(2);
    expect(await hook.read()).toMatchObject({ failing_since: null, last_error: null });
  });

  it.each([410, 503])(
    'and answers %d after its webhook was led elsewhere has no say there: the new address gets it at once',
    async (status) => {
      const town = await TestTown.create();
      const slow = held(answersWith(status, { 'retry-after': '7200' }));
      const hook = await TestHook.create(town, 'board', undefined, slow.receiver);
      await town.agent('ada');
      await expect.poll(() => hook.posts.length).toBe(1);
      const url = 'https://moved.example.com/reeve';
      lab.receivers.set(url, takes);
      await hook.change({ url });
      slow.answer();
      await town.settled();
      expect(lab.posts.map((post) => [post.url, hook.verified(post).type])).toEqual([
        [hook.view.url, 'reeve.agent.created'],
        [url, 'reeve.agent.created'],
      ]);
      expect(await hook.read()).toMatchObject({ enabled: true, disabled: null, last_error: null, next_try_at: null });
    },
  );

  it('is no reason of the health while a person has its webhook disabled', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, answersWith(500));
    await town.agent('ada');
    await town.elapse(HOUR_MS);
    expect(await healthOf(town)).toMatchObject([{ code: 'webhook_failing' }]);
    await hook.change({ enabled: false });
    expect(await healthOf(town)).toEqual([]);
  });

  it('is left alone for as long as it asks in Retry-After', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, answersWith(429, { 'retry-after': '7200' }));
    await town.agent('ada');
    await town.settled();
    await town.elapse(2 * HOUR_MS - 60_000);
    expect(hook.posts).toHaveLength(1);
    hook.receiver = takes;
    await town.elapse(60_000);
    await town.settled();
    expect(hook.posts).toHaveLength(2);
  });

  it('shows in the health after ten minutes, and is given up after three days', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, answersWith(503));
    await town.agent('ada');
    await town.elapse(5 * 60_000);
    expect(await healthOf(town)).toEqual([]);
    await town.elapse(10 * 60_000);
    expect(await healthOf(town)).toMatchObject([{ code: 'webhook_failing', status: 'amber' }]);
    await town.elapse(3 * DAY_MS + 5 * HOUR_MS);
    expect(await hook.read()).toMatchObject({ enabled: false, disabled: { why: 'failing' } });
    expect(hook.posts.length).toBeLessThan(40);
    expect(await town.alarmAt()).toBeNull();
    hook.receiver = takes;
    await hook.change({ enabled: true });
    await town.settled();
    expect(hook.names.at(-1)).toBe('ada');
    expect(await healthOf(town)).toEqual([]);
  });

  it('is given up where what it has yet to get is no longer kept', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, answersWith(503));
    await town.agent('ada');
    await town.settled();
    await runInDurableObject(town.stub, (_, { storage }) => {
      storage.sql.exec('DELETE FROM events WHERE seq < (SELECT MAX(seq) FROM events)');
    });
    await town.elapse(5000);
    expect(await hook.read()).toMatchObject({ enabled: false, disabled: { why: 'behind' } });
    await hook.change({ enabled: true });
    hook.receiver = takes;
    await town.agent('bob');
    await town.settled();
    expect(hook.names.at(-1)).toBe('bob');
  });

  it('for seconds is posted to for ten of them at a time, and the alarm goes on with the rest', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    await hook.change({ enabled: false });
    const names = ['ada', 'bob', 'cyd', 'dan', 'eve'];
    for (const name of names) await town.agent(name);
    hook.receiver = () => {
      lab.clock.advance(4000);
      return new Response(null, { status: 200 });
    };
    await hook.change({ enabled: true });
    await town.settled();
    expect(hook.names).toEqual(names.slice(0, 3));
    await town.ring();
    await town.settled();
    expect(hook.names).toEqual(names);
  });

  it('for seconds has its due time moved ahead, and what it took stored, before a post could outlast that time', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    await hook.change({ enabled: false });
    for (const name of ['ada', 'bob', 'cyd']) await town.agent(name);
    hook.receiver = () => {
      if (hook.posts.length === 3) return HANGS;
      lab.clock.advance(4000);
      return new Response(null, { status: 200 });
    };
    await hook.change({ enabled: true });
    await expect.poll(() => hook.posts.length).toBe(3);
    const [row] = await runInDurableObject(town.stub, (_, { storage }) =>
      storage.sql.exec<{ cursor: number; due_at_ms: number }>('SELECT cursor, due_at_ms FROM webhooks').toArray(),
    );
    expect(row?.cursor).toBe(hook.events[1]?.seq);
    expect(row?.due_at_ms).toBe(lab.clock.now() + 15_000);
  });

  it('T7: and hangs delays no message, no sweep and no other webhook', async () => {
    const town = await TestTown.create();
    const hung = await TestHook.create(town, 'hung', ['reeve.*'], () => HANGS);
    const other = await TestHook.create(town, 'other', ['reeve.turn.finished']);
    await town.agent('ada');
    const startedAtMs = lab.clock.now();
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    await expect.poll(() => other.posts.length).toBe(1);
    expect(lab.clock.now() - startedAtMs).toBeLessThan(10_000);
    expect(hung.posts).toHaveLength(1);
    await expect.poll(() => hung.read()).toMatchObject({ last_error: 'timeout' });
  });

  it('and hangs ends as a failure, and is never found due by an alarm that can do nothing for it', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, () => HANGS);
    await town.agent('ada');
    await town.settled();
    await town.elapse(HOUR_MS);
    hook.receiver = takes;
    await town.elapse(HOUR_MS);
    await town.settled();
    expect(hook.names.at(-1)).toBe('ada');
    expect(await town.alarmAt()).toBeNull();
  });
});

describe('the secret of a webhook', () => {
  it('is shown when it is made and when it is rotated, and in no list, event, row or health', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    const path = `/webhooks/${hook.view.id}`;
    const rotated = await town.api<WebhookView & { secret: string }>('POST', `${path}/rotate`);
    expect(rotated.headers.get('cache-control')).toBe('no-store');
    const shown = JSON.stringify([
      await hook.read(),
      (await town.api('GET', '/webhooks')).body,
      await town.events(),
      await healthOf(town),
      await runInDurableObject(town.stub, (_, { storage }) => storage.sql.exec('SELECT * FROM webhooks').toArray()),
    ]);
    for (const secret of [hook.secret, rotated.body.secret]) expect(shown).not.toContain(secret.slice(6));
  });

  it('signs beside the new one for a day after a rotation, and then no more', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town);
    const before = hook.secret;
    const { body } = await town.api<WebhookView & { secret: string }>('POST', `/webhooks/${hook.view.id}/rotate`);
    expect(body.previous_secret_until).not.toBeNull();
    await town.agent('ada');
    await town.settled();
    expect(hook.names).toEqual(['ada']);
    hook.secret = body.secret;
    expect(hook.names).toEqual(['ada']);
    lab.clock.advance(DAY_MS);
    await town.agent('bob');
    await town.settled();
    expect(hook.names).toEqual(['ada', 'bob']);
    hook.secret = before;
    expect(() => hook.names).toThrow('not signed with its secret');
  });
});

describe('an object that is evicted', () => {
  it('posts what it had not recorded as taken again, with the same id', async () => {
    const town = await TestTown.create();
    const hook = await TestHook.create(town, 'board', undefined, () => HANGS);
    await town.agent('ada');
    await expect.poll(() => hook.posts.length).toBe(1);
    await runInDurableObject(town.stub, (_, state) => state.abort('Instance dispose')).catch(() => undefined);
    await evictDurableObject(town.stub).catch(() => undefined);
    hook.receiver = takes;
    await town.elapse(HOUR_MS);
    await town.settled();
    const [first, again] = hook.posts;
    expect(hook.posts).toHaveLength(2);
    expect(again?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(again?.body).toBe(first?.body);
  });
});
