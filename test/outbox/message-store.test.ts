import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_DELIVERY_BYTES, MAX_MESSAGES_PER_DELIVERY, type PageOrder } from '#protocol';
import { migrate } from '../../src/lib/migrate.ts';
import { MessageStore } from '../../src/outbox/message-store.ts';
import { QueueStore } from '../../src/outbox/queue-store.ts';
import { WithdrawalStore } from '../../src/outbox/withdrawal-store.ts';
import { TOWN_SCHEMA } from '../../src/town/state/schema.ts';
import { agentId, messageId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const [ADA, BOB, CYD] = [agentId(1), agentId(2), agentId(3)];
const DONE = { state: 'done', reply: 'yes', truncated: false } as const;

let messages: MessageStore;
let queues: QueueStore;
let withdrawals: WithdrawalStore;

beforeEach(() => {
  const storage = objectStorage();
  migrate(storage, TOWN_SCHEMA);
  messages = new MessageStore(storage.sql);
  queues = new QueueStore(storage.sql);
  withdrawals = new WithdrawalStore(storage.sql);
});

/** Queues one message; `nth` names it and is its place. */
function accept(nth: number, more: { agent?: typeof ADA; bytes?: number; deliverAtMs?: number | null } = {}) {
  const { agent = ADA, bytes = 7, deliverAtMs = 0 } = more;
  const fixed = { content: 'hello', sender: 'person:dev', idempotencyKey: null, createdAtMs: nth, traceparent: null };
  messages.accept({ ...fixed, id: messageId(nth), agent, seq: nth, bytes, deliverAtMs });
  return messageId(nth);
}

const over = (nth: number, atMs: number): void => {
  const id = accept(nth);
  messages.working(id, 1, atMs);
  messages.finish(id, 1, DONE, atMs, atMs);
};
const idsOf = (agent = ADA) => [...messages.list(agent, 'oldest', 0, 100)].map(({ id }) => id);

describe('the next delivery of an agent', () => {
  test('is its oldest messages, no more than are asked for, and none of another agent', () => {
    for (const nth of [1, 3, 4]) accept(nth);
    accept(2, { agent: BOB });
    expect(messages.nextBatch(ADA, 2).map(({ id }) => id)).toEqual([messageId(1), messageId(3)]);
  });

  test('ends before the message with which it would be too large; one alone may be as large as it is', () => {
    accept(1, { bytes: MAX_DELIVERY_BYTES - 10 });
    accept(2, { bytes: 10 });
    accept(3, { bytes: 1 });
    expect(messages.nextBatch(ADA, MAX_MESSAGES_PER_DELIVERY)).toHaveLength(2);
    accept(4, { agent: BOB, bytes: MAX_DELIVERY_BYTES + 1 });
    accept(5, { agent: BOB, bytes: 1 });
    expect(messages.nextBatch(BOB, MAX_MESSAGES_PER_DELIVERY).map(({ id }) => id)).toEqual([messageId(4)]);
  });
});

describe('a list of messages', () => {
  const seqs = (order: PageOrder, seq: number, limit: number) =>
    [...messages.list(ADA, order, seq, limit)].map((message) => message.seq);

  test('goes on from a place in either order, without what stands there and without those of another agent', () => {
    for (const nth of [1, 2, 4, 5]) accept(nth);
    accept(3, { agent: BOB });
    expect([seqs('oldest', 2, 1), seqs('newest', 4, 10)]).toEqual([[4], [2, 1]]);
  });
});

describe('a step of a message', () => {
  test('that is of an older attempt changes nothing', () => {
    const id = accept(1);
    messages.delivered(id, 1, 5);
    messages.queueAgain({ id, seq: 1, attempt: 1, crashedTurns: 0, state: 'delivered' }, 'new attempt');
    expect([messages.delivered(id, 1, 6), messages.working(id, 1, 6), messages.finish(id, 1, DONE, 6, 6)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(messages.get(id)).toMatchObject({ state: 'queued', attempt: 2, deliveredAtMs: null });
  });

  test('after its end changes nothing: the first final state stays', () => {
    const id = accept(1);
    messages.finish(id, 1, DONE, 5, 5);
    expect([messages.delivered(id, 1, 6), messages.working(id, 1, 6), messages.cancel(id, 6)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(messages.finish(id, 1, { state: 'failed', error: 'late' }, 6, 6)).toBe(false);
    expect(messages.get(id)).toMatchObject({ state: 'done', reply: 'yes', finishedAtMs: 5 });
  });
});

describe('deliveries that are due', () => {
  test('are those of the agents that wait longest, each once and no more than are asked for', () => {
    accept(1, { deliverAtMs: 30 });
    accept(2, { agent: BOB, deliverAtMs: 10 });
    accept(3, { agent: BOB, deliverAtMs: 10 });
    accept(4, { agent: CYD, deliverAtMs: 20 });
    expect(messages.deliveriesDue(30, 9)).toEqual([BOB, CYD, ADA]);
    expect(messages.deliveriesDue(30, 2)).toEqual([BOB, CYD]);
    expect(messages.deliveriesDue(10, 9)).toEqual([BOB]);
    expect(messages.earliestDelivery()).toBe(10);
  });

  test('begin to count anew once what they were sent to is gone', () => {
    const id = accept(1);
    messages.sending([id]);
    expect(messages.get(id)?.tries).toBe(1);
    messages.forgetSent(ADA);
    expect(messages.get(id)).toMatchObject({ tries: 0, attempt: 1 });
  });

  test('are new attempts once an incarnation is gone that had come to their end, and kept the result', () => {
    const id = accept(1);
    messages.delivered(id, 1, 5);
    messages.queueAgain({ id, seq: 1, attempt: 1, crashedTurns: 0, state: 'delivered' }, 'same attempt');
    expect(messages.get(id)).toMatchObject({ state: 'queued', attempt: 1, deliveredAtMs: 5 });
    expect(messages.cancel(id, 6)).toBe(false);
    messages.forgetSent(ADA);
    expect(messages.get(id)).toMatchObject({ state: 'queued', attempt: 2, deliveredAtMs: null });
    expect(messages.cancel(id, 6)).toBe(true);
  });
});

describe('how deliveries of an agent fare', () => {
  test('is forgotten whole once what failed answers again: failures, their wait, and the size that passed', () => {
    accept(1);
    queues.failed(ADA, 3, 500);
    queues.limit(ADA, 2);
    expect(queues.retryOf(ADA)).toEqual({ tries: 3, retryAtMs: 500, atMost: 2 });
    queues.forget(ADA);
    expect(queues.retryOf(ADA)).toEqual({ tries: 0, retryAtMs: null, atMost: MAX_MESSAGES_PER_DELIVERY });
  });

  test('gets better step by step: with each that passes twice as many may follow', () => {
    accept(1);
    queues.failed(ADA, 3, 500);
    queues.limit(ADA, 2);
    queues.passed(ADA);
    expect(queues.retryOf(ADA)).toEqual({ tries: 0, retryAtMs: null, atMost: 4 });
  });
});

describe('what is forgotten', () => {
  test('is the oldest of what was over before a time', () => {
    for (const nth of [1, 2, 3]) over(nth, nth * 10);
    messages.pruneBefore(30, 1);
    expect(idsOf()).toEqual([messageId(2), messageId(3)]);
    messages.pruneBefore(30, 9);
    expect(idsOf()).toEqual([messageId(3)]);
  });

  test('is as much as frees the bytes that are wanted, and no message more', () => {
    for (const nth of [1, 2, 3]) over(nth, nth * 10);
    const each = queues.ofTown().keptBytes / 3;
    messages.pruneBytes(each, 100, 9);
    expect(idsOf()).toEqual([messageId(2), messageId(3)]);
    expect(queues.ofTown().keptBytes).toBe(2 * each);
  });
});

describe('messages to be withdrawn', () => {
  const add = (nth: number, sinceMs: number, dueAtMs: number, agent = ADA): void =>
    withdrawals.add({ message: messageId(nth), agent, inc: 1, sinceMs }, dueAtMs);

  test('come in the order in which they were cancelled, each once, until they are confirmed or their agent is gone', () => {
    add(2, 20, 50);
    add(1, 10, 60);
    add(1, 30, 70);
    add(3, 5, 40, BOB);
    expect(withdrawals.first(ADA)?.message).toBe(messageId(1));
    expect(withdrawals.due(60, 9)).toEqual([BOB, ADA]);
    expect(withdrawals.due(60, 1)).toEqual([BOB]);
    withdrawals.confirmed(messageId(1));
    expect(withdrawals.first(ADA)?.message).toBe(messageId(2));
    withdrawals.forget(ADA);
    expect(withdrawals.first(ADA)).toBeNull();
    expect(withdrawals.earliest()).toBe(40);
  });
});
