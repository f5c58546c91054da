import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { acceptMessage } from '../../../src/town/agents/accept-message.ts';
import { messageId } from '../../support/ids.ts';
import type { DeliverMessages, MessageView } from '../../../src/protocol/index.ts';
import { HANGS, lab, type LabRequest } from '../support/lab.ts';
import { inside } from '../support/inside.ts';
import { TestTown } from '../support/town.ts';

const isDelivery = ({ path }: LabRequest): boolean => path.endsWith('/messages');
const bodyOf = (request: LabRequest) => JSON.parse(request.body) as DeliverMessages;

describe('delivery', () => {
  it('A-09, K-01: every delivery brings a fresh token in the same request, with its whole life ahead', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    for (const content of ['one', 'two', 'three']) {
      const { id } = await town.send('ada', content);
      await town.until('ada', id, 'done');
    }
    const tokens = town
      .container()
      .requests.filter(isDelivery)
      .map((request) => bodyOf(request).grant);
    expect(tokens.map(({ gen }) => gen)).toEqual([2, 3, 4]);
    for (const { issued_at, expires_at } of tokens) {
      expect(Date.parse(expires_at) - Date.parse(issued_at)).toBe(10_800_000);
    }
    expect((await town.read('ada')).process_id).toBe(ada.process_id);
  });

  it('runs messages in the order in which they were accepted', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const sent: MessageView[] = [];
    for (let at = 0; at < 12; at += 1) sent.push(await town.send('ada', `message ${at}`));
    expect(sent.map(({ seq }) => seq)).toEqual(sent.map((_, at) => at + 1));
    await town.until('ada', sent.at(-1)?.id ?? '', 'done');
    const finished = (await town.events()).filter(({ type }) => type === 'reeve.turn.finished');
    expect(finished.map(({ data }) => data['message'])).toEqual(sent.map(({ id }) => id));
  });

  it('messages that queued up share one request and one token, at most 32 at a time', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await town.api('POST', '/agents/ada/stop');
    for (let at = 0; at < 40; at += 1) await town.send('ada', `message ${at}`);
    await town.api('POST', '/agents/ada/start');
    await expect.poll(() => town.container().requests.filter(isDelivery).length).toBe(2);
    const batches = town
      .container()
      .requests.filter(isDelivery)
      .map((request) => bodyOf(request).messages.map(({ seq }) => seq));
    expect(batches.map((seqs) => seqs.length)).toEqual([32, 8]);
    expect(batches.flat()).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
  });

  it('a delivery that fails in transport is sent again as the same attempt, and runs once', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    // The container takes the message, and its answer is lost.
    town.container().after = (request, answer) =>
      isDelivery(request) ? { status: 502, headers: {}, body: '' } : answer;
    const { id } = await town.send('ada', 'work 3000');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('server_error');
    town.container().after = (_, answer) => answer;
    await town.elapse(60_000);
    await town.until('ada', id, 'working');
    const deliveries = town
      .container()
      .requests.filter(isDelivery)
      .map((request) => bodyOf(request).messages[0]);
    expect(deliveries.length).toBeGreaterThanOrEqual(1);
    expect(new Set(deliveries.map((message) => message?.attempt))).toEqual(new Set([1]));
    const started = (await town.events()).filter(({ type }) => type === 'reeve.turn.started');
    expect(started).toHaveLength(1);
  });

  it('a result that comes with the answer to a repeated delivery does not overtake the report of an earlier turn', async () => {
    const town = await TestTown.create();
    const { id: agent } = await town.agent('ada');
    // Reports wait for the clock, which stands still: of the first turn the town hears nothing more for now.
    const sent = [await town.send('ada', 'one')];
    await expect.poll(async () => (await town.message('ada', sent[0]?.id ?? '')).state).toMatch(/delivered|working/);
    town.container().after = (request, answer) =>
      isDelivery(request) ? { status: 502, headers: {}, body: '' } : answer;
    sent.push(await town.send('ada', 'two'));
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('server_error');
    await expect.poll(() => lab.turns.filter((turn) => turn.agent === agent).length).toBe(2);
    town.container().after = (_, answer) => answer;
    sent.push(await town.send('ada', 'three'));
    await expect.poll(async () => (await town.message('ada', sent[2]?.id ?? '')).state).not.toBe('queued');
    for (const { id } of sent) await town.until('ada', id, 'done');
    const finished = (await town.events()).filter(({ type }) => type === 'reeve.turn.finished');
    expect(finished.map(({ data }) => data['message'])).toEqual(sent.map(({ id }) => id));
  });

  it('a town that is evicted after it accepted a message delivers it when the alarm rings', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = (request) => (isDelivery(request) ? { status: 503, headers: {}, body: '' } : null);
    const { id } = await town.send('ada', 'hello');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('busy');
    await evictDurableObject(town.stub);
    town.container().before = () => null;
    await town.elapse(120_000);
    expect((await town.until('ada', id, 'done')).reply).toContain('hello');
  });

  it('T12: a town that is evicted as soon as it accepted a message, before anything was sent, delivers it by its alarm alone', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const id = messageId(1);
    const accepted = await inside(town, (p) => {
      const agent = p.agents.find('ada');
      return agent !== null && acceptMessage(p, { id, agent, content: 'hello', sender: 'person:dev' });
    });
    expect(accepted).toMatchObject({ ok: true, value: { state: 'queued', tries: 0 } });
    await evictDurableObject(town.stub);
    expect(town.container().requests.filter(isDelivery)).toEqual([]);
    expect(await town.alarmAt()).toBeLessThanOrEqual(lab.clock.now() + 15_000);
    await town.ring();
    expect((await town.until('ada', id, 'done')).reply).toContain('hello');
  });

  it('a container that hangs is cut, and waits for its retry; the message is not lost', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    town.container().before = (request) => (isDelivery(request) ? HANGS : null);
    const { id } = await town.send('ada', 'hello');
    await expect.poll(async () => (await town.read('ada')).credential.last_outcome).toBe('timeout');
    const seen = town.container().requests.length;
    await town.send('ada', 'again');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('queued');
    expect(town.container().requests.length).toBe(seen);
    town.container().before = () => null;
    await town.elapse(60_000);
    await town.until('ada', id, 'done');
  });

  it('a message to an agent that is not there is refused, one to a retired agent too', async () => {
    const town = await TestTown.create();
    const { id } = await town.agent('ada');
    expect((await town.api('POST', '/agents/nobody/messages', { content: 'x' })).status).toBe(404);
    await town.api('DELETE', '/agents/ada');
    expect((await town.api('POST', `/agents/${id}/messages`, { content: 'x' })).status).toBe(409);
  });

  it('a failed turn is a final state with its reason, and the queue goes on', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id: first } = await town.send('ada', 'fail');
    const { id: second } = await town.send('ada', 'hello');
    expect((await town.until('ada', first, 'failed')).error).not.toBeNull();
    await town.until('ada', second, 'done');
  });

  it('whoami shows the generation that the agent last called with', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const { id } = await town.send('ada', 'whoami');
    const { reply } = await town.until('ada', id, 'done');
    expect(reply).toContain('2');
  });

  it('makes its agent count as at work from the answer on, before the agent has said a word', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    lab.silent.add(ada.id);
    const { id } = await town.send('ada', 'work 3000');
    await expect.poll(async () => (await town.message('ada', id)).state).toBe('delivered');
    expect((await town.read('ada')).state).toBe('working');
  });
});
