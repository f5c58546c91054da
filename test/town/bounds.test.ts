/** What a town sends in one page, takes from a container, and keeps, in bytes. */
import { SELF, runInDurableObject } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  MAX_BODY_BYTES,
  MAX_ERROR_UNITS,
  MAX_LEDGER_BYTES,
  MAX_MAIL_BYTES_WAITING,
  MAX_PAGE_BYTES,
  MAX_REPLY_BYTES,
  makeId,
  type AgentView,
  type HeldMessage,
  type MessageView,
  type MessagesAccepted,
  type TurnResult,
} from '../../src/protocol/index.ts';
import { randomBytes } from '../../src/lib/secret.ts';
import { AsAgent, statusAndCode } from './support/as-agent.ts';
import { lab, type LabAnswer, type LabRequest } from './support/lab.ts';
import { TestTown } from './support/town.ts';
import { DEV_TOKEN, PUBLIC_URL } from './support/wiring.ts';

const KIB = 1024;
const utf8 = (text: string): number => new TextEncoder().encode(text).length;

beforeEach(() => lab.end());

/** A page, and its size as it is sent. */
interface Sent<T> {
  readonly bytes: number;
  readonly items: T[];
  readonly next: string | null;
}

async function page<T>(town: TestTown, path: string): Promise<Sent<T>> {
  const headers = { authorization: `Bearer ${DEV_TOKEN}` };
  const response = await SELF.fetch(`${PUBLIC_URL}/v1/towns/${town.id}${path}`, { headers });
  const text = await response.text();
  expect(response.status, text.slice(0, 200)).toBe(200);
  const { items, next } = JSON.parse(text) as { items: T[]; next: string | null };
  return { bytes: utf8(text), items, next };
}

/** Every page of a list, from the first to where `next` is null. */
async function follow<T>(town: TestTown, path: string, cursor = 'cursor'): Promise<Sent<T>[]> {
  const first = `${path}${path.includes('?') ? '&' : '?'}limit=200`;
  const pages = [await page<T>(town, first)];
  for (let next = pages[0]?.next ?? null; next !== null; next = pages.at(-1)?.next ?? null) {
    pages.push(await page<T>(town, `${first}&${cursor}=${next}`));
  }
  return pages;
}

/** Finished messages, each with these texts. */
function fillMessages(town: TestTown, agent: string, count: number, content: string, reply: string) {
  return runInDurableObject(town.stub, (_, { storage: { sql } }) => {
    for (let seq = 1; seq <= count; seq += 1) {
      sql.exec(
        `INSERT INTO messages (id, agent, seq, state, content, sender, bytes, created_at_ms, finished_at_ms, reply)
         VALUES (?, ?, ?, 'done', ?, 'person:dev', 3, 0, ?, ?)`,
        makeId('msg', randomBytes(20)),
        agent,
        seq,
        content,
        lab.clock.now(),
        reply,
      );
    }
  });
}

describe('a page of a list', () => {
  it('holds at most 8 MiB of JSON text, also of texts that take two bytes for each character inside', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    const text = `🦊${'x'.repeat(250 * KIB)}`;
    await fillMessages(town, ada, 50, text, text);
    const pages = await follow<MessageView>(town, '/agents/ada/messages');
    expect(pages.length).toBeGreaterThan(2);
    for (const { bytes } of pages) expect(bytes).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    const seen = pages.flatMap(({ items }) => items);
    expect(seen.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1));
    expect(seen.every(({ content, reply }) => content === text && reply === text)).toBe(true);
    const back = await follow<MessageView>(town, '/agents/ada/messages?order=newest');
    for (const { bytes } of back) expect(bytes).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    expect(back.flatMap(({ items }) => items)).toEqual(seen.toReversed());
    // What was left unread of the list keeps nothing back: the town goes on writing, and ends.
    const { id } = await town.send('ada', 'hello');
    await town.until('ada', id, 'done');
    expect((await town.api('DELETE', '')).status).toBe(200);
  });

  it('counts escapes as they are sent', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    await fillMessages(town, ada, 60, '"'.repeat(120 * KIB), '\u0001'.repeat(40 * KIB));
    const pages = await follow<MessageView>(town, '/agents/ada/messages');
    for (const { bytes } of pages) expect(bytes).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    expect(pages.flatMap(({ items }) => items)).toHaveLength(60);
  });

  it('is bound like that for events and for agents too', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    await town.agent('bob');
    const long = 'é'.repeat(100 * KIB);
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      for (let nth = 0; nth < 60; nth += 1) {
        const data = JSON.stringify({ nth, long });
        sql.exec("INSERT INTO events (type, subject, at_ms, data) VALUES ('reeve.agent.started', ?, 0, ?)", ada, data);
      }
      sql.exec('UPDATE agent_tokens SET last_error = ?', 'é'.repeat(900 * KIB));
      for (let nth = 0; nth < 8; nth += 1) {
        const id = makeId('agt', randomBytes(20));
        sql.exec(
          "INSERT INTO agents SELECT ?, ?, role, scopes, 'retired', inc, container, session, process_id, created_at_ms, last_heard_at_ms, reported, NULL, 0, NULL, 0, 0, NULL, NULL, NULL, NULL, 0, NULL, 1 FROM agents WHERE id = ?",
          id,
          `r${nth}`,
          ada,
        );
        sql.exec(
          'INSERT INTO agent_tokens (agent, last_error) SELECT ?, last_error FROM agent_tokens WHERE agent = ?',
          id,
          ada,
        );
      }
    });
    const events = await follow<{ seq: number }>(town, '/events', 'after');
    const agents = await follow<AgentView>(town, '/agents');
    for (const pages of [events, agents]) {
      expect(pages.length).toBeGreaterThan(1);
      for (const { bytes } of pages) expect(bytes).toBeLessThanOrEqual(MAX_PAGE_BYTES);
    }
    const seqs = events.flatMap(({ items }) => items.map(({ seq }) => seq));
    expect(seqs).toEqual(seqs.map((_, at) => at + 1));
    expect(new Set(agents.flatMap(({ items }) => items.map(({ id }) => id))).size).toBe(10);
  });
});

describe('a result', () => {
  const most = 'x'.repeat(MAX_REPLY_BYTES);
  const tooLong = `${most.slice(1)}🦊${'x'.repeat(50 * KIB)}`;

  /** An agent in a turn, and what its container says of it. */
  async function inTurn() {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.work('ada');
    return { town, id };
  }

  const report = async (town: TestTown, message: string, result: object) => {
    const at = new Date(lab.clock.now()).toISOString();
    const events = [{ type: 'turn.finished', message, attempt: 1, at, result }];
    return new AsAgent(town, 'ada').call('POST', '/events', { counter: 1000, events });
  };

  it('is cut by the town where it is reported, between two characters, and says so', async () => {
    const { town, id } = await inTurn();
    expect((await report(town, id, { state: 'done', reply: tooLong, truncated: false })).status).toBe(200);
    const { state, reply, truncated } = await town.message('ada', id);
    expect([state, reply === most.slice(1), truncated]).toEqual(['done', true, true]);
  });

  it('has an error of a line: a longer one is cut, and neither the report nor its turn is refused for it', async () => {
    const { town, id } = await inTurn();
    expect((await report(town, id, { state: 'failed', error: '🦊'.repeat(MAX_ERROR_UNITS) })).status).toBe(200);
    const { state, error } = await town.message('ada', id);
    expect([state, error === '🦊'.repeat(MAX_ERROR_UNITS / 2)]).toEqual(['failed', true]);
  });

  it('is cut where it rides with the answer to a delivery', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const results: Readonly<Record<string, TurnResult>> = {
      long: { state: 'done', reply: tooLong, truncated: false },
      odd: { state: 'done', reply: 'half \ud83d', truncated: false },
    };
    town.container().after = (request: LabRequest, answer: LabAnswer): LabAnswer => {
      if (!request.path.endsWith('/messages')) return answer;
      const { messages } = JSON.parse(request.body) as { messages: { content: string }[] };
      const accepted = JSON.parse(answer.body) as MessagesAccepted;
      const held = accepted.messages.map((message, at): HeldMessage => {
        const result = results[messages[at]?.content ?? ''];
        return result === undefined ? message : { ...message, state: result.state, result };
      });
      return { ...answer, body: JSON.stringify({ ...accepted, messages: held }) };
    };
    // The container has no network to report by itself.
    town.container().outgoing = () => Promise.reject(new TypeError('no network'));
    for (const [content, reply] of [
      ['long', most.slice(1)],
      ['odd', 'half \ufffd'],
    ] as const) {
      const { id } = await town.send('ada', content);
      const done = await town.until('ada', id, 'done');
      expect([done.reply === reply, done.truncated], content).toEqual([true, content === 'long']);
    }
  });
});

describe('what a town keeps of mail and delegations', () => {
  const TEXT = 'x'.repeat(40 * KIB);
  const MAIL = TEXT.length + 2;
  /** With the longest result that it may get. */
  const OPEN = MAIL + MAX_BODY_BYTES;

  async function pair(ledgerBytes: number) {
    lab.ledgerBytes = ledgerBytes;
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    return { town, ada: new AsAgent(town, 'ada'), bob: new AsAgent(town, 'bob') };
  }
  const sizeOf = (town: TestTown) =>
    runInDurableObject(
      town.stub,
      (_, { storage: { sql } }) => sql.exec<{ bytes: number }>('SELECT bytes FROM ledger_size').one().bytes,
    );

  it('has a budget: past it a mail is refused until some was read, and what is unread stays', async () => {
    const { town, ada, bob } = await pair(3 * MAIL);
    for (let nth = 0; nth < 3; nth += 1) expect(statusAndCode(await ada.mail('bob', TEXT))).toBe('201');
    expect(await sizeOf(town)).toBe(3 * MAIL);
    expect(statusAndCode(await ada.mail('bob', 'x'))).toBe('429 limit_exceeded');
    const { next, items } = await bob.read('?limit=2');
    expect(items).toHaveLength(2);
    await bob.read(`?cursor=${next}`);
    // It counts for the quota of its sender for a minute.
    expect(statusAndCode(await ada.mail('bob', 'x'))).toBe('429 limit_exceeded');
    lab.clock.advance(60_001);
    expect(statusAndCode(await ada.mail('bob', 'x'))).toBe('201');
    expect(await sizeOf(town)).toBe(2 * MAIL + 3);
    expect((await bob.read()).items).toHaveLength(2);
  });

  it('has a bound for each container: what fills it exactly is taken, and one byte more is not', async () => {
    const { town, ada } = await pair(MAX_LEDGER_BYTES);
    const { id: bob } = await town.read('bob');
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      sql.exec(
        "INSERT INTO mail (id, from_agent, to_agent, text, bytes, sent_at_ms) VALUES ('mail_1', 'a', ?, 'x', ?, ?)",
        bob,
        MAX_MAIL_BYTES_WAITING - 10,
        lab.clock.now(),
      );
    });
    expect(statusAndCode(await ada.mail('bob', 'x'.repeat(9)))).toBe('429 limit_exceeded');
    expect(statusAndCode(await ada.mail('bob', '"6789"'))).toBe('201');
    expect(statusAndCode(await ada.mail('bob', 'x'))).toBe('429 limit_exceeded');
  });

  it('makes room of delegations that are over and announced, the oldest first; an open one keeps room for its result', async () => {
    const { town, ada, bob } = await pair(OPEN + 2 * MAIL);
    const LONG = `work 90000${' '.repeat(TEXT.length - 'work 90000'.length)}`;
    const ids: string[] = [];
    for (let nth = 0; nth < 4; nth += 1) {
      const { id } = await ada.delegate('bob', LONG);
      ids.push(id);
      expect(statusAndCode(await ada.order('bob', TEXT))).toBe('429 limit_exceeded');
      expect(statusAndCode(await bob.finish(id, 'done'))).toBe('200');
      expect(await sizeOf(town)).toBeLessThanOrEqual(OPEN + 2 * MAIL);
      lab.clock.advance(61_000);
      await town.elapse(1000);
    }
    const kept = (await page<{ id: string }>(town, '/delegations')).items.map(({ id }) => id);
    expect(kept).toEqual(ids.slice(-kept.length));
    expect(kept.length).toBeLessThan(4);
    expect(await sizeOf(town)).toBe(kept.length * (MAIL + '"done"'.length));
  });
});

describe('what a town keeps of finished messages', () => {
  const BUDGET = 300 * KIB;
  /** Bytes of JSON text of such a message, and of the reply of the agent that repeats it. */
  const TEXT = 'x'.repeat(50 * KIB);
  const ONE = 2 * (TEXT.length + 2) + 'You said: '.length;

  const keptBytes = (town: TestTown) =>
    runInDurableObject(
      town.stub,
      (_, { storage: { sql } }) =>
        sql.exec<{ kept_bytes: number }>("SELECT kept_bytes FROM queues WHERE agent = ''").one().kept_bytes,
    );
  const seqs = async (town: TestTown) =>
    (await page<MessageView>(town, '/agents/ada/messages?limit=200')).items.map(({ seq }) => seq);

  it('is counted through every way that a message ends, and goes with it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.send('ada', TEXT);
    await town.until('ada', id, 'done');
    expect(await keptBytes(town)).toBe(ONE);
    const { id: working } = await town.work('ada');
    await town.send('ada', 'abc');
    expect(await keptBytes(town)).toBe(ONE);
    await town.api('POST', '/agents/ada/stop');
    await town.api('DELETE', `/agents/ada/messages/${working}`);
    expect(await keptBytes(town)).toBe(ONE + '"work 3000"'.length);
    await town.api('DELETE', '/agents/ada');
    expect(await keptBytes(town)).toBe(ONE + '"work 3000"'.length + '"abc"'.length);
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => void sql.exec('DELETE FROM messages'));
    expect(await keptBytes(town)).toBe(0);
  });

  it('has a budget in bytes: past it the oldest go, of whichever agent, and nothing that is not over', async () => {
    lab.finishedBytes = BUDGET;
    const town = await TestTown.create();
    await town.agent('ada');
    await town.agent('bob');
    await town.send('bob', `work 90000${' '.repeat(100 * KIB)}`);
    const { id: old } = await town.send('ada', TEXT);
    await town.until('ada', old, 'done');
    for (let seq = 2; seq <= 6; seq += 1) {
      const { id } = await town.send('ada', TEXT);
      await town.until('ada', id, 'done');
      expect(await keptBytes(town)).toBeLessThanOrEqual(BUDGET);
    }
    expect(await seqs(town)).toEqual([5, 6]);
    expect((await page<MessageView>(town, '/agents/bob/messages?limit=9')).items).toMatchObject([{ state: 'working' }]);
    expect((await town.api('GET', `/agents/ada/messages/${old}`)).status).toBe(404);
  });

  it('gives way a bounded step at a time, and what has just ended stays whatever its size', async () => {
    const town = await TestTown.create();
    const { id: ada } = await town.agent('ada');
    await fillMessages(town, ada, 250, 'x', 'y');
    await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
      sql.exec('UPDATE messages SET kept_bytes = 10, finished_at_ms = finished_at_ms - 1000 + seq');
    });
    lab.finishedBytes = 1;
    await runInDurableObject(town.stub, (_, state) => state.abort('Instance dispose: a new setting')).catch(() => null);
    const { id } = await town.send('ada', TEXT);
    expect((await town.until('ada', id, 'done')).reply).toBe(`You said: ${TEXT}`);
    expect((await seqs(town)).slice(0, 1)).toEqual([101]);
    await town.work('ada');
    await town.ring();
    expect((await seqs(town))[0]).toBe(201);
  });
});
