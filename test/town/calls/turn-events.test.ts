/** Every turn is reported from its beginning to its end, whatever of it reached the town first. */
import { describe, expect, it } from 'vitest';
import { lab, type LabRequest } from '../support/lab.ts';
import { issuedTokensOf } from '../support/scene.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import { MAX_EVENT_REPLY_UNITS, type MessageView } from '../../../src/protocol/index.ts';

const isDelivery = ({ path }: LabRequest): boolean => path.endsWith('/messages');

/** The events of a message's turns, in order. */
async function turnsOf(town: TestTown, { id }: MessageView): Promise<string[]> {
  const all = (await town.events()).filter(
    ({ type, data }) => type.startsWith('reeve.turn.') && data['message'] === id,
  );
  return all.map(({ type, data }) => `${type.replace('reeve.turn.', '')} ${String(data['attempt'])}`);
}

/** A message that the container took, whose delivery was not answered. */
async function unanswered(town: TestTown, content: string): Promise<MessageView> {
  town.container().after = (request, answer) => (isDelivery(request) ? { status: 502, headers: {}, body: '' } : answer);
  const message = await town.send('ada', content);
  await expect.poll(() => lab.turns.some((turn) => turn.message === message.id)).toBe(true);
  await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('server_error');
  town.container().after = (_, answer) => answer;
  return message;
}

describe('a turn', () => {
  it('whose result comes with the answer to a repeated delivery, before any report, has a start and an end', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    // Of the agent itself nothing is heard.
    town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
    const message = await unanswered(town, 'hello');
    await town.elapse(16_000);
    const done = await town.until('ada', message.id, 'done');
    expect(await turnsOf(town, message)).toEqual(['started 1', 'finished 1']);
    expect(done.delivered_at).not.toBeNull();
    expect(Date.parse(done.delivered_at ?? '')).toBeLessThanOrEqual(Date.parse(done.finished_at ?? ''));
  });

  it.each([['done'], ['failed']] as const)(
    'of which only the report of its end (%s) arrives has a start and an end',
    async (state) => {
      const town = await TestTown.create();
      await town.agent('ada');
      town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
      const message = await unanswered(town, 'work 3000');
      const at = new Date(lab.clock.now()).toISOString();
      const result = state === 'done' ? { state, reply: 'well', truncated: false } : { state, error: 'broken' };
      const events = [{ type: 'turn.finished', message: message.id, attempt: 1, at, result }];
      const answer = await api('POST', '/v1/agent/events', { counter: 1, events }, issuedTokensOf(town).at(-1)?.token);
      expect(answer.status).toBe(200);
      expect(await town.message('ada', message.id)).toMatchObject({ state, delivered_at: expect.any(String) });
      expect(await turnsOf(town, message)).toEqual(['started 1', 'finished 1']);
    },
  );

  it('of which one batch holds everything, twice even, is reported once and in its order, with what it showed in between', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
    const message = await unanswered(town, 'work 3000');
    const of = { message: message.id, attempt: 1, at: new Date(lab.clock.now()).toISOString() };
    const begun = { ...of, type: 'turn.started' };
    const call = {
      ...of,
      type: 'turn.tool_call',
      tool_call: 'call-1',
      title: 'reads',
      kind: 'read',
      status: 'completed',
      detail: 'x',
    };
    const over = { ...of, type: 'turn.finished', result: { state: 'done', reply: 'well', truncated: false } };
    const events = [begun, begun, call, over, begun, over];
    const token = issuedTokensOf(town).at(-1)?.token;
    expect((await api('POST', '/v1/agent/events', { counter: 1, events }, token)).status).toBe(200);
    expect(await town.message('ada', message.id)).toMatchObject({ state: 'done', delivered_at: expect.any(String) });
    expect(await turnsOf(town, message)).toEqual(['started 1', 'tool_call 1', 'finished 1']);
    const { state, last_heard_at } = await town.read('ada');
    expect({ state, isHeard: last_heard_at !== null }).toEqual({ state: 'idle', isHeard: true });
    expect((await api('POST', '/v1/agent/events', { counter: 1, events }, token)).body).toEqual({
      counter: 1,
      repeated: true,
    });
  });

  it('that came step by step is reported once, at the time at which it was handed over', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const message = await town.work('ada', 20);
    const { delivered_at } = await town.message('ada', message.id);
    expect((await town.until('ada', message.id, 'done')).delivered_at).toBe(delivered_at);
    expect(await turnsOf(town, message)).toEqual(['started 1', 'finished 1']);
  });

  it.each([
    ['reply', { state: 'done', reply: 'well', truncated: false }, { reply: 'well', truncated: false, error: null }],
    [
      'long reply, cut, without half of a character',
      { state: 'done', reply: `${'x'.repeat(MAX_EVENT_REPLY_UNITS - 1)}😀`, truncated: false },
      { reply: 'x'.repeat(MAX_EVENT_REPLY_UNITS - 1), truncated: true, error: null },
    ],
    [
      'reply that was cut before',
      { state: 'done', reply: 'well', truncated: true },
      { reply: 'well', truncated: true, error: null },
    ],
    ['error', { state: 'failed', error: 'broken' }, { reply: null, truncated: false, error: 'broken' }],
  ])('reports with its end its %s, so that a reader needs no other request', async (_, result, shown) => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const message = await town.work('ada');
    const at = new Date(lab.clock.now()).toISOString();
    const events = [{ type: 'turn.finished', message: message.id, attempt: 1, at, result }];
    expect((await api('POST', '/v1/agent/events', { counter: 99, events }, lastTokenOf(ada))).status).toBe(200);
    const finished = (await town.events()).filter(({ type }) => type === 'reeve.turn.finished');
    expect(finished.map(({ data }) => data)).toEqual([
      { message: message.id, attempt: 1, state: result.state, ...shown },
    ]);
  });

  it('of an attempt that is over is not reported', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    const message = await town.work('ada');
    const at = new Date(lab.clock.now()).toISOString();
    const result = { state: 'failed', error: 'broken' };
    const events = [{ type: 'turn.finished', message: message.id, attempt: 7, at, result }];
    expect((await api('POST', '/v1/agent/events', { counter: 99, events }, lastTokenOf(ada))).status).toBe(200);
    expect(await turnsOf(town, message)).toEqual(['started 1']);
  });
});
