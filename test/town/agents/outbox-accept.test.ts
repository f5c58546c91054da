/** What is accepted, once, and how much of it; what is cancelled, waited for and forgotten. */
import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import {
  FINISHED_KEPT_MS,
  MAX_FINISHED_MESSAGES,
  MAX_WAITING_BYTES,
  MAX_WAITING_MESSAGES,
  makeId,
  type MessageView,
  type Problem,
  type TownHealth,
} from '../../../src/protocol/index.ts';
import { randomBytes } from '../../../src/lib/secret.ts';
import { asMember } from '../support/as-member.ts';
import { lab } from '../support/lab.ts';
import { TestTown, api, type Answer } from '../support/town.ts';
import { CONTAINER_SECRET } from '../support/wiring.ts';
import { DEATH } from '../support/cuts.ts';
import { PATIENT } from '../../support/patient.ts';

const newId = () => makeId('msg', randomBytes(20));

/** A town with an agent that takes no messages, so that they stay queued. */
async function withStopped(): Promise<{ town: TestTown; ada: string }> {
  const town = await TestTown.create();
  const { id } = await town.agent('ada');
  await town.api('POST', '/agents/ada/stop');
  return { town, ada: id };
}

const send = (town: TestTown, agent: string, content: string, key: string) =>
  town.api<MessageView>('POST', `/agents/${agent}/messages`, { content }, { 'idempotency-key': key });

const list = async (town: TestTown, agent = 'ada') =>
  (await town.api<{ items: MessageView[] }>('GET', `/agents/${agent}/messages?limit=200`)).body.items;

const codeOf = ({ body }: Answer<unknown>) => (body as Problem).code;

/** Rows as they would have come about, written at once. */
function fill(
  town: TestTown,
  agent: string,
  rows: { count: number; state: string; bytes?: number; finishedAtMs?: number },
) {
  return runInDurableObject(town.stub, (_, { storage }) => {
    storage.sql.exec(
      `INSERT INTO messages (id, agent, seq, state, content, sender, bytes, created_at_ms, finished_at_ms)
       WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
       SELECT 'msg_' || lower(hex(randomblob(10))), ?2, (SELECT COALESCE(MAX(last_seq), 0) FROM queues WHERE agent = ?2) + i,
       ?3, 'x', 'person:dev', ?4, 0, ?5 FROM n`,
      rows.count,
      agent,
      rows.state,
      rows.bytes ?? 3,
      rows.finishedAtMs ?? null,
    );
  });
}

const count = (town: TestTown) =>
  runInDurableObject(town.stub, (_, { storage: { sql } }) =>
    sql.exec('SELECT agent, last_seq, waiting, bytes, finished, kept_bytes FROM queues ORDER BY agent').toArray(),
  );

describe('an idempotency key', () => {
  it("M-37: concurrent duplicates get the winner's id, and one message is stored and run", async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const before = lab.turns.length;
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(town, 'ada', 'hello', 'key-1')));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    const [id] = new Set(answers.map(({ body }) => body.id));
    expect(answers.every(({ body }) => body.id === id && body.idempotency_key === 'key-1')).toBe(true);
    await town.until('ada', id ?? '', 'done');
    expect(await list(town)).toMatchObject([{ id, idempotency_key: 'key-1' }]);
    expect(lab.turns.slice(before)).toHaveLength(1);
  });

  it('M-37: is unique per sender: the same key of another sender is another message', async () => {
    const { town, ada } = await withStopped();
    await town.api('PUT', '/members/other', { role: 'member' });
    const ids = await Promise.all(
      ['dev', 'other', 'dev'].map(async (person) => {
        const message = { id: newId(), content: 'x', idempotencyKey: 'same' };
        const sent = await asMember(town.id, person).sendMessage(ada, message);
        return sent.ok ? sent.value.id : sent.error;
      }),
    );
    expect(ids[0]).toBe(ids[2]);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('M-37: with another content or for another agent it is refused, and nothing is stored', async () => {
    const { town } = await withStopped();
    await town.agent('bob');
    await send(town, 'ada', 'hello', '"key-1"');
    for (const [agent, content] of [
      ['ada', 'bye'],
      ['bob', 'hello'],
    ] as const) {
      const again = await send(town, agent, content, 'key-1');
      expect([again.status, codeOf(again)]).toEqual([422, 'idempotency_key_reused']);
    }
    expect([...(await list(town)), ...(await list(town, 'bob'))]).toHaveLength(1);
  });

  it('M-39: a sender that asks again gets the same message, whatever became of it, its town and its agent', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    const { body: sent } = await send(town, 'ada', 'hello', 'key-1');
    await town.until('ada', sent.id, 'done');
    await evictDurableObject(town.stub);
    const again = await send(town, 'ada', 'hello', 'key-1');
    expect([again.status, again.body.id, again.body.state]).toEqual([202, sent.id, 'done']);
    await town.api('DELETE', '/agents/ada');
    expect((await send(town, ada, 'hello', 'key-1')).body.id).toBe(sent.id);
    expect((await send(town, ada, 'hello', 'key-2')).status).toBe(409);
  });
});

describe('the text of a message', () => {
  it('is kept as it was sent, NUL and all, and the identical repeat is the same message', async () => {
    const { town } = await withStopped();
    for (const [nth, content] of ['a\u0000b', '🦊\u2028\ufeff', '\ufffd', '"\\"'].entries()) {
      const [first, again] = [await send(town, 'ada', content, `k${nth}`), await send(town, 'ada', content, `k${nth}`)];
      expect([first.status, again.status, again.body.id], content).toEqual([202, 202, first.body.id]);
      expect((await town.message('ada', first.body.id)).content).toBe(content);
    }
  });

  it('is refused where it holds half a character: nothing is stored, and the repeat is answered the same', async () => {
    const { town } = await withStopped();
    for (let nth = 0; nth < 2; nth += 1) {
      const refused = await send(town, 'ada', 'half \ud83d', 'key-1');
      expect([refused.status, codeOf(refused)]).toEqual([400, 'invalid_request']);
    }
    expect(await list(town)).toEqual([]);
    expect((await send(town, 'ada', 'whole', 'key-1')).status).toBe(202);
  });
});

describe('limits', () => {
  it(`an agent has ${MAX_WAITING_MESSAGES} messages waiting at most; one more is 429, and an end makes room`, async () => {
    const { town, ada } = await withStopped();
    await fill(town, ada, { count: MAX_WAITING_MESSAGES - 1, state: 'queued' });
    const last = await town.send('ada', 'the last');
    expect(last.seq).toBe(MAX_WAITING_MESSAGES);
    const over = await town.api('POST', '/agents/ada/messages', { content: 'one over' });
    expect([over.status, codeOf(over), over.headers.get('retry-after')]).toEqual([429, 'limit_exceeded', '5']);
    await town.agent('bob');
    expect((await town.api('POST', '/agents/bob/messages', { content: 'x' })).status).toBe(202);
    await town.api('DELETE', `/agents/ada/messages/${last.id}`);
    expect((await town.send('ada', 'again')).seq).toBe(MAX_WAITING_MESSAGES + 1);
  });

  it('messages that the container holds and no turn has begun with count too', async () => {
    const town = await TestTown.create();
    const { id } = await town.agent('ada');
    await fill(town, id, { count: MAX_WAITING_MESSAGES, state: 'delivered' });
    expect((await town.api('POST', '/agents/ada/messages', { content: 'x' })).status).toBe(429);
  });

  it('a town has 64 MiB waiting at most, counted as JSON text; one byte more is 429', async () => {
    const { town } = await withStopped();
    const { id: bob } = await town.agent('bob');
    await town.api('POST', '/agents/bob/stop');
    // The five characters of the content are seven bytes of JSON text, and two for its quotes.
    await fill(town, bob, { count: 1, state: 'queued', bytes: MAX_WAITING_BYTES - 9 });
    const over = await town.api('POST', '/agents/ada/messages', { content: '"five"' });
    expect([over.status, codeOf(over)]).toEqual([429, 'limit_exceeded']);
    expect((await town.api('POST', '/agents/ada/messages', { content: '"fiv"' })).status).toBe(202);
    expect((await town.api('POST', '/agents/ada/messages', { content: 'x' })).status).toBe(429);
  });

  it('what waits is counted through every way that a message goes', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    const row = (agent: string, last_seq: number, waiting: number, finished: number) => {
      const kept_bytes = agent === '' ? finished * 11 : 0;
      return { agent, last_seq, waiting, bytes: waiting * 11, finished, kept_bytes };
    };
    const { id: first } = await town.send('ada', 'work 3000');
    await town.until('ada', first, 'working');
    for (let at = 0; at < 4; at += 1) await town.send('ada', 'work 3000');
    expect(await count(town)).toEqual([row('', 5, 4, 0), row(ada, 5, 4, 0)]);
    await town.api('POST', '/agents/ada/stop');
    expect(await count(town)).toEqual([row('', 5, 5, 0), row(ada, 5, 5, 0)]);
    await town.api('DELETE', `/agents/ada/messages/${first}`);
    expect(await count(town)).toEqual([row('', 5, 4, 1), row(ada, 5, 4, 1)]);
    await town.api('DELETE', '/agents/ada');
    expect(await count(town)).toEqual([row('', 5, 0, 5), row(ada, 5, 0, 5)]);
  });
});

describe('a message that is cancelled', () => {
  it('is final, reported in an event, never delivered; a second wish changes nothing', async () => {
    const { town } = await withStopped();
    const { id } = await town.send('ada', 'one');
    const { id: next } = await town.send('ada', 'two');
    const cancelled = await town.api<MessageView>('DELETE', `/agents/ada/messages/${id}`);
    expect([cancelled.status, cancelled.body.state]).toEqual([200, 'cancelled']);
    const again = await town.api<MessageView>('DELETE', `/agents/ada/messages/${id}`);
    expect([again.status, again.body]).toEqual([200, cancelled.body]);
    await town.api('POST', '/agents/ada/start');
    await town.until('ada', next, 'done');
    expect(await town.message('ada', id)).toMatchObject({ state: 'cancelled', delivered_at: null, reply: null });
    const events = (await town.events()).filter(({ type }) => type === 'reeve.message.cancelled');
    expect(events.map(({ data }) => data)).toEqual([{ message: id }]);
  });

  it('is not one that its agent has, nor one that is over, nor one of another agent', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    const { id: working } = await town.work('ada');
    const { id: held } = await town.send('ada', 'hello');
    await town.until('ada', held, 'delivered');
    const { id: done } = await town.send('bob', 'hello');
    await town.until('bob', done, 'done');
    for (const path of [`ada/messages/${working}`, `ada/messages/${held}`, `bob/messages/${done}`]) {
      const answer = await town.api('DELETE', `/agents/${path}`);
      expect([answer.status, codeOf(answer)]).toEqual([409, 'state_conflict']);
    }
    expect((await town.api('DELETE', `/agents/bob/messages/${held}`)).status).toBe(404);
  });

  it('is withdrawn from a container that holds it because the answer to its delivery was lost', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.work('ada');
    town.container().after = (request, answer) =>
      request.path.endsWith('/messages') ? { status: 502, headers: {}, body: '' } : answer;
    const { id } = await town.send('ada', 'not to be run');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('server_error');
    expect((await town.api('DELETE', `/agents/ada/messages/${id}`)).status).toBe(200);
    town.container().after = (_, answer) => answer;
    await expect.poll(() => town.container().requests.at(-1)?.path.endsWith('/interrupt')).toBe(true);
    expect((await town.api('POST', '/agents/ada/interrupt')).status).toBe(200);
    const { id: next } = await town.send('ada', 'hello');
    await town.until('ada', next, 'done');
    expect(lab.turns.filter(({ message }) => message === id)).toEqual([]);
    expect((await town.message('ada', id)).state).toBe('cancelled');
  });

  /** A turn is under way, and behind it the container holds a message, the answer to whose delivery was lost; it is cancelled. */
  async function cancelledInTheContainer(town: TestTown): Promise<string> {
    await town.agent('ada');
    await town.work('ada');
    town.container().after = (request, answer) =>
      request.path.endsWith('/messages') ? { status: 502, headers: {}, body: '' } : answer;
    const { id } = await town.send('ada', 'not to be run');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('server_error');
    town.container().after = (_, answer) => answer;
    expect((await town.api('DELETE', `/agents/ada/messages/${id}`)).status).toBe(200);
    return id;
  }

  const withdrawals = (town: TestTown) => town.container().requests.filter(({ path }) => path.endsWith('/interrupt'));
  const ranAfterwards = async (town: TestTown, id: string): Promise<boolean> => {
    expect((await town.api('POST', '/agents/ada/interrupt')).status).toBe(200);
    const { id: next } = await town.send('ada', 'hello');
    await town.until('ada', next, 'done');
    expect((await town.message('ada', id)).state).toBe('cancelled');
    return lab.turns.some(({ message }) => message === id);
  };

  it('is withdrawn again and again, also after an eviction, until the container confirms it; it never runs', async () => {
    const town = await TestTown.create();
    town.container().before = ({ path }) =>
      path.endsWith('/interrupt') ? { status: 503, headers: {}, body: '' } : null;
    const id = await cancelledInTheContainer(town);
    await expect.poll(() => withdrawals(town).length).toBe(1);
    await evictDurableObject(town.stub);
    await town.elapse(2 * 60_000);
    const tried = withdrawals(town).length;
    expect(tried).toBeGreaterThan(1);
    const { reasons } = (await town.api<TownHealth>('GET', '/health')).body;
    expect(reasons.map(({ code }) => code)).toContain('withdrawal_unconfirmed');
    town.container().before = () => null;
    await town.elapse(5 * 60_000);
    expect(withdrawals(town)).toHaveLength(tried + 1);
    await town.elapse(60 * 60_000);
    expect(withdrawals(town)).toHaveLength(tried + 1);
    expect((await town.api<TownHealth>('GET', '/health')).body.reasons.map(({ code }) => code)).not.toContain(
      'withdrawal_unconfirmed',
    );
    expect(await ranAfterwards(town, id)).toBe(false);
  });

  it('never runs where its delivery arrives only after the container has confirmed the withdrawal', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    let arrive = (): Promise<unknown> => Promise.reject(new Error('nothing was sent'));
    town.container().network = (request, send) => {
      if (!request.path.endsWith('/messages')) return send();
      arrive = send;
      return Promise.reject(new TypeError('the connection was reset'));
    };
    const { id } = await town.send('ada', 'not to be run');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('transport');
    town.container().network = (_, send) => send();
    expect((await town.api('DELETE', `/agents/ada/messages/${id}`)).status).toBe(200);
    await expect.poll(() => withdrawals(town).length).toBe(1);
    await arrive();
    expect(await ranAfterwards(town, id)).toBe(false);
  });

  it.each(['stop', 'crash'] as const)('is not withdrawn any more after a %s: what held it is gone', async (how) => {
    const town = await TestTown.create();
    town.container().before = ({ path }) =>
      path.endsWith('/interrupt') ? { status: 503, headers: {}, body: '' } : null;
    await cancelledInTheContainer(town);
    await expect.poll(() => withdrawals(town).length).toBe(1);
    if (how === 'stop') await town.api('POST', '/agents/ada/stop');
    else {
      town.container().restart();
      await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
    }
    const tried = withdrawals(town).length;
    await town.elapse(60 * 60_000);
    expect(withdrawals(town)).toHaveLength(tried);
  });
});

describe('a request that waits', () => {
  const waiting = (town: TestTown, content: string, seconds: number) =>
    town.api<MessageView>('POST', '/agents/ada/messages', { content }, { prefer: `wait=${seconds}` });

  /** Time passes until there is an answer. */
  async function inTime<T>(answer: Promise<T>): Promise<T> {
    let answered = false;
    void answer.then(() => (answered = true));
    await vi.waitFor(() => {
      lab.clock.advance(1000);
      if (!answered) throw new Error('no answer yet');
    }, PATIENT);
    return answer;
  }

  it('is answered when the turn is over', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const answer = waiting(town, 'hello', 30);
    await expect.poll(async () => (await list(town))[0]?.state).toBe('delivered');
    lab.clock.advance(1000);
    const { status, headers, body } = await answer;
    expect([status, headers.get('preference-applied'), body.state]).toEqual([200, 'wait=30', 'done']);
  });

  it('is answered 202 when its time is up, and the message goes on', async () => {
    const { town } = await withStopped();
    const answer = waiting(town, 'hello', 7);
    await expect.poll(async () => (await list(town)).length).toBe(1);
    expect((await inTime(answer)).status).toBe(202);
    await town.api('POST', '/agents/ada/start');
    await town.until('ada', (await answer).body.id, 'done');
  });

  it('goes on when its town is gone and back, and hears of a cancelled message as of any end', async () => {
    const { town } = await withStopped();
    const answer = waiting(town, 'hello', 60);
    await expect.poll(async () => (await list(town)).length).toBe(1);
    await runInDurableObject(town.stub, (_, state) => state.abort(DEATH)).catch(() => undefined);
    const [message] = await list(town);
    await town.api('DELETE', `/agents/ada/messages/${message?.id}`);
    expect((await inTime(answer)).status).toBe(200);
    expect((await answer).body.state).toBe('cancelled');
  });
});

describe('what is forgotten', () => {
  it('is what was over 30 days ago, with the next end of a turn or the next alarm, a bounded step at a time', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    const now = lab.clock.now();
    await fill(town, ada, { count: 150, state: 'done', finishedAtMs: now - FINISHED_KEPT_MS - 1000 });
    await fill(town, ada, { count: 1, state: 'done', finishedAtMs: now - FINISHED_KEPT_MS + 60_000 });
    const { id } = await town.send('ada', 'hello');
    expect((await town.until('ada', id, 'done')).seq).toBe(152);
    expect((await list(town)).length).toBe(52);
    await town.work('ada');
    await town.ring();
    expect((await list(town)).map(({ seq }) => seq)).toEqual([151, 152, 153]);
  });

  it(`is what is older than the last ${MAX_FINISHED_MESSAGES} of an agent; order goes on where it was`, async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    const finishedAtMs = lab.clock.now();
    await fill(town, ada, { count: MAX_FINISHED_MESSAGES, state: 'done', finishedAtMs });
    expect((await list(town))[0]?.seq).toBe(1);
    const { id } = await town.send('ada', 'hello');
    expect((await town.until('ada', id, 'done')).seq).toBe(MAX_FINISHED_MESSAGES + 1);
    expect((await list(town))[0]?.seq).toBe(2);
    expect((await count(town))[1]).toMatchObject({ finished: MAX_FINISHED_MESSAGES });
  });

  it('keeps no object awake: a town with nothing but old messages has no alarm', async () => {
    const { town, ada } = await withStopped();
    await fill(town, ada, { count: 3, state: 'done', finishedAtMs: 1 });
    await town.elapse(1000);
    expect(await town.alarmAt()).toBeNull();
  });
});
