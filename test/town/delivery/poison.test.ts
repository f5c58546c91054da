/** A message that something on the way refuses, and queues that cannot be delivered: what waits, how long, and who hears of it. */
import { describe, expect, it } from 'vitest';
import type { DeliverMessages, HealthReason, MessageView, TownHealth } from '../../../src/protocol/index.ts';
import { lab, type LabAnswer, type LabRequest } from '../support/lab.ts';
import { pass, withholdReports } from '../support/passing.ts';
import { TestTown } from '../support/town.ts';

const MINUTE_MS = 60_000;
/** A batch and a bit. */
const MORE_THAN_FITS = 40;

const isDelivery = ({ path }: LabRequest): boolean => path.endsWith('/messages');
const seqsOf = ({ body }: LabRequest): number[] => (JSON.parse(body) as DeliverMessages).messages.map(({ seq }) => seq);

const html = (status: number): LabAnswer => ({
  status,
  headers: { 'content-type': 'text/html' },
  body: `<html>${status}</html>`,
});
const problem = (status: number, code: string): LabAnswer => ({
  status,
  headers: { 'content-type': 'application/problem+json' },
  body: JSON.stringify({ type: 'about:blank', title: 'refused', status, code }),
});

/** When deliveries were sent, and of which messages, while `refuse` decides what becomes of them on their way. */
function inFront(town: TestTown, refuse: (request: LabRequest) => LabAnswer | null) {
  const sent: { at: number; seqs: number[] }[] = [];
  town.container().network = async (request, send) => {
    if (!isDelivery(request)) return send();
    sent.push({ at: lab.clock.now(), seqs: seqsOf(request) });
    const refused = refuse(request);
    if (refused?.status === 0) throw new TypeError('the connection was reset');
    return refused ?? send();
  };
  return sent;
}

/** So many messages that wait while the agent is stopped, and go out together when it starts. */
async function queued(town: TestTown, contents: readonly string[]): Promise<MessageView[]> {
  await town.api('POST', '/agents/ada/stop');
  const messages: MessageView[] = [];
  for (const content of contents) messages.push(await town.send('ada', content));
  return messages;
}

async function waiting(town: TestTown): Promise<HealthReason | undefined> {
  const { body } = await town.api<TownHealth>('GET', '/health');
  return body.reasons.find(({ code }) => code === 'messages_wait');
}

const statesOf = (town: TestTown, messages: readonly MessageView[]) =>
  Promise.all(messages.map(async ({ id }) => (await town.message('ada', id)).state));

describe('a delivery that something on the way refuses', () => {
  it.each([
    ['403 of a firewall', html(403), 403],
    ['413 of a proxy', html(413), 413],
    ['401 of a proxy', html(401), 401],
    ['404 of a proxy', html(404), 404],
    ['413 in the words of another server', problem(413, 'too_big'), 413],
    ['400 of the control server', problem(400, 'invalid_request'), 400],
  ])(
    '%s: only the message that is refused alone fails, with the status, and the others run in order',
    async (_, answer, status) => {
      const town = await TestTown.create();
      await town.agent('ada');
      const messages = await queued(town, ['one', 'two', 'three', 'poison', 'five', 'six']);
      const sent = inFront(town, ({ body }) => (body.includes('poison') ? answer : null));
      await town.api('POST', '/agents/ada/start');
      await pass(town, 40 * MINUTE_MS);
      await town.until('ada', messages.at(-1)?.id ?? '', 'done');
      expect(await statesOf(town, messages)).toEqual(['done', 'done', 'done', 'failed', 'done', 'done']);
      const [poison] = messages.slice(3);
      const { error, delivered_at } = await town.message('ada', poison?.id ?? '');
      expect([error, delivered_at]).toEqual([`delivery_refused: ${status}`, null]);
      const dead = (await town.events()).filter(({ type }) => type === 'reeve.message.dead_lettered');
      expect(dead.map(({ data }) => data)).toEqual([{ messages: [poison?.id], error }]);
      // Halved at once, until it travels alone: eight times. Whatever passed is sent once.
      expect(sent.filter(({ seqs }) => seqs.join() === '4')).toHaveLength(8);
      const passed = sent.filter(({ seqs }) => !seqs.includes(4)).flatMap(({ seqs }) => seqs);
      expect(passed).toEqual([1, 2, 3, 5, 6]);
      const finished = (await town.events()).filter(({ type }) => type === 'reeve.turn.finished');
      expect(finished.map(({ data }) => data['message'])).toEqual(
        messages.filter((message) => message !== poison).map(({ id }) => id),
      );
    },
  );

  it('fails a message whose turn is over, and that is sent to fetch its result, with words of its own', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    withholdReports(town);
    const { id: worked } = await town.send('ada', 'one');
    await town.until('ada', worked, 'delivered');
    inFront(town, () => html(403));
    const { id: never } = await town.send('ada', 'two');
    await pass(town, 120 * MINUTE_MS);
    expect((await town.message('ada', worked)).error).toBe('result_refused: 403');
    expect((await town.message('ada', never)).error).toBe('delivery_refused: 403');
    const turns = lab.turns.filter(({ message }) => message === worked || message === never);
    expect(turns.map(({ message }) => message)).toEqual([worked]);
  });

  it('for its size is sent in parts that pass, without a wait, and grows again', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const messages = await queued(
      town,
      Array.from({ length: MORE_THAN_FITS }, (_, at) => `message ${at}`),
    );
    const sent = inFront(town, (request) => (seqsOf(request).length > 10 ? html(413) : null));
    const startedAt = lab.clock.now();
    await town.api('POST', '/agents/ada/start');
    await expect.poll(async () => (await statesOf(town, messages)).includes('queued')).toBe(false);
    expect(sent.every(({ at }) => at === startedAt)).toBe(true);
    expect(sent.map(({ seqs }) => seqs.length).slice(0, 5)).toEqual([32, 16, 8, 16, 8]);
    expect((await town.events()).some(({ type }) => type === 'reeve.message.dead_lettered')).toBe(false);
  });

  it.each([
    ['its session is the trouble', problem(401, 'unauthorized')],
    ['the control server does not know the route', problem(404, 'not_found')],
    ['it came too slowly', html(408)],
    ['it came too often', html(429)],
  ])('fails no message where %s', async (_, answer) => {
    const town = await TestTown.create();
    await town.agent('ada');
    const sent = inFront(town, () => answer);
    const { id } = await town.send('ada', 'hello');
    await pass(town, 60 * MINUTE_MS);
    expect(sent.length).toBeGreaterThan(8);
    expect((await town.message('ada', id)).state).toBe('queued');
    town.container().network = (_request, send) => send();
    await pass(town, 6 * MINUTE_MS);
    await town.until('ada', id, 'done');
  });

  it('is counted for the message alone: one that is cancelled leaves nothing to the next', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    let isClosed = true;
    inFront(town, () => (isClosed ? html(403) : null));
    const { id: first } = await town.send('ada', 'one');
    await pass(town, 12 * MINUTE_MS);
    expect((await town.api('DELETE', `/agents/ada/messages/${first}`)).status).toBe(200);
    const { id } = await town.send('ada', 'two');
    await pass(town, 12 * MINUTE_MS);
    isClosed = false;
    await pass(town, 6 * MINUTE_MS);
    await town.until('ada', id, 'done');
  });
});

describe('the wait of a queue that cannot be delivered', () => {
  it.each([
    ['500', { status: 500, headers: {}, body: '' }],
    ['a reset', { status: 0, headers: {}, body: '' }],
  ])(
    'grows to five minutes, also where more waits than one delivery holds, and starts anew when one has passed (%s)',
    async (_, broken) => {
      const town = await TestTown.create();
      await town.agent('ada');
      const messages = await queued(
        town,
        Array.from({ length: MORE_THAN_FITS }, (_none, at) => `message ${at}`),
      );
      let isBroken = true;
      // The container is reached by nothing, so nothing is heard that could shorten the wait.
      town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
      const sent = inFront(town, () => (isBroken ? broken : null));
      const { network } = town.container();
      town.container().network = (request, send) => {
        return isBroken && request.path === '/agents' ? Promise.resolve(html(500)) : network(request, send);
      };
      await town.api('POST', '/agents/ada/start');
      await pass(town, 9 * MINUTE_MS);
      const waits = sent.slice(1).map(({ at }, nth) => Math.round((at - (sent[nth]?.at ?? 0)) / 1000));
      expect(waits).toEqual([15, 30, 60, 120, 240]);
      isBroken = false;
      town.container().outgoing = (_path, send) => send();
      await pass(town, 6 * MINUTE_MS);
      expect((await statesOf(town, messages)).includes('queued')).toBe(false);
      for (let minute = 0; (await town.read('ada')).state !== 'idle' && minute < 10; minute += 1)
        await pass(town, MINUTE_MS);
      expect((await town.read('ada')).state).toBe('idle');
      isBroken = true;
      sent.length = 0;
      await town.send('ada', 'one more');
      await pass(town, 50_000);
      expect(sent.slice(1).map(({ at }, nth) => Math.round((at - (sent[nth]?.at ?? 0)) / 1000))).toEqual([15, 30]);
    },
  );

  it('is not cut short by what comes in meanwhile', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    const sent = inFront(town, () => ({ status: 500, headers: {}, body: '' }));
    await town.send('ada', 'one');
    await pass(town, 50_000);
    const tries = sent.length;
    for (let at = 0; at < 5; at += 1) await town.send('ada', 'more');
    await pass(town, 5000);
    expect([tries, sent.length]).toEqual([3, 3]);
  });
});

describe('the health of a town whose messages wait', () => {
  it('says how many, since when and what to do: amber after a minute, red after ten, and nothing once they are gone', async () => {
    const town = await TestTown.create();
    const ada = await town.agent('ada');
    let isClosed = true;
    inFront(town, () => (isClosed ? html(403) : null));
    const { created_at } = await town.send('ada', 'one');
    await town.send('ada', 'two');
    await pass(town, MINUTE_MS / 2);
    expect(await waiting(town)).toBeUndefined();
    await pass(town, MINUTE_MS);
    const amber = await waiting(town);
    expect(amber).toMatchObject({ status: 'amber', agent: ada.id, since: created_at });
    expect(amber?.detail).toContain('2 waiting');
    expect(amber?.detail).toContain('403');
    expect(amber?.advice).toContain('firewall');
    await pass(town, 9 * MINUTE_MS);
    expect((await waiting(town))?.status).toBe('red');
    isClosed = false;
    await pass(town, 6 * MINUTE_MS);
    expect(await waiting(town)).toBeUndefined();
  });

  it('says nothing of messages that wait for a person: the agent is stopped', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await queued(town, ['one']);
    await pass(town, 20 * MINUTE_MS);
    expect(await waiting(town)).toBeUndefined();
  });
});
