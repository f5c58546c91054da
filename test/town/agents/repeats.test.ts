/** What a chat frontend sends again, by itself or by its person: each message counts once, and no message is swallowed. */
import { describe, expect, it } from 'vitest';
import type { MessageView, Page } from '../../../src/protocol/index.ts';
import { ChatReading } from '../support/chat-reading.ts';
import { lab } from '../support/lab.ts';
import { TestTown, api } from '../support/town.ts';

const TEN_MINUTES_MS = 10 * 60_000;
const RETRY = { 'x-stainless-retry-count': '1' };

async function townWithAda(): Promise<TestTown> {
  const town = await TestTown.create();
  await town.agent('ada');
  return town;
}

const contents = async (town: TestTown): Promise<string[]> =>
  (await town.api<Page<MessageView>>('GET', '/agents/ada/messages')).body.items.map(({ content }) => content);

/** The id of a whole answer, and its text. */
async function complete(town: TestTown, content: string, headers: Record<string, string> = {}, more: object = {}) {
  const reading = await (await ChatReading.of(town, content, more, headers)).toEnd();
  // That it was taken whole is written behind the answer.
  await town.settled();
  return { id: reading.chunks[0]?.id, text: reading.text };
}

/** A client that leaves in the middle of the turn, which then comes to its end. */
async function leftBehind(town: TestTown, content: string): Promise<void> {
  const reading = await ChatReading.of(town, content);
  await town.settled();
  await reading.leave();
  const { body } = await town.api<Page<MessageView>>('GET', '/agents/ada/messages');
  await town.until('ada', body.items.at(-1)?.id ?? '', 'done');
}

describe('the same transcript', () => {
  it('while its message is under way is answered with that, from the beginning', async () => {
    const town = await townWithAda();
    const first = await ChatReading.of(town, 'work 60');
    await town.settled();
    const second = await ChatReading.of(town, 'work 60');
    const [one, other] = [await first.toEnd(), await second.toEnd()];
    expect(other.chunks[0]?.id).toBe(one.chunks[0]?.id);
    expect(other.text).toBe(one.text);
    expect(await contents(town)).toEqual(['work 60']);
  });

  it('of a client that did not get the whole answer is answered with it once more, for ten minutes', async () => {
    const town = await townWithAda();
    await leftBehind(town, 'work 30');
    const again = await complete(town, 'work 30');
    expect(again.text).toContain('worked 30 s');
    expect(await contents(town)).toHaveLength(1);

    await leftBehind(town, 'work 20');
    lab.clock.advance(TEN_MINUTES_MS + 1);
    await complete(town, 'work 20');
    expect(await contents(town)).toEqual(['work 30', 'work 20', 'work 20']);
  });

  it('of a client that got the whole answer is another message, unless it says that it sends again', async () => {
    const town = await townWithAda();
    const first = await complete(town, 'hello');
    const second = await complete(town, 'hello');
    expect(second.id).not.toBe(first.id);
    const retried = await complete(town, 'hello', RETRY);
    expect(retried).toEqual(second);
    expect(await contents(town)).toEqual(['hello', 'hello']);
    lab.clock.advance(TEN_MINUTES_MS + 1);
    await complete(town, 'hello', RETRY);
    expect(await contents(town)).toHaveLength(3);
  });

  it('under another key, in another conversation or after other words is another message', async () => {
    const town = await townWithAda();
    const { body } = await api<{ key: string }>('POST', '/v1/keys', { name: 'robot', scope: 'chat' });
    const user = (content: string) => ({ role: 'user', content });
    const variants: [Record<string, string>, object][] = [
      [{}, {}],
      [{ authorization: `Bearer ${body.key}` }, {}],
      [{ 'x-reeve-conversation': 'two' }, {}],
      [{ 'x-openwebui-chat-id': 'three' }, {}],
      [{}, { messages: [user('other words'), { role: 'assistant', content: 'yes' }, user('work 60')] }],
    ];
    const answers = await Promise.all(
      variants.map(([headers, more]) => ChatReading.of(town, 'work 60', more, headers)),
    );
    expect(new Set(await Promise.all(answers.map(async (one) => (await one.toEnd()).chunks[0]?.id))).size).toBe(5);
    expect((await contents(town)).length).toBeGreaterThanOrEqual(4);
  });
});

describe('an explicit id', () => {
  it.each([
    [{ 'idempotency-key': 'one' }, { 'idempotency-key': 'two' }],
    [{ 'x-reeve-message-id': 'one' }, { 'x-reeve-message-id': 'two' }],
    [
      { 'x-openwebui-user-message-id': 'u1', 'x-openwebui-message-id': 'm1' },
      { 'x-openwebui-user-message-id': 'u1', 'x-openwebui-message-id': 'm2' },
    ],
  ])('always means its message, and another one another: %j', async (one, other) => {
    const town = await townWithAda();
    const first = await complete(town, 'hello', one);
    lab.clock.advance(TEN_MINUTES_MS + 1);
    expect(await complete(town, 'hello', one)).toEqual(first);
    expect((await complete(town, 'hello', other)).id).not.toBe(first.id);
    expect(await contents(town)).toEqual(['hello', 'hello']);
    const reused = await api('POST', '/openai/v1/chat/completions', ask(town, 'other words'), undefined, one);
    expect([reused.status, reused.headers.get('x-should-retry')]).toEqual([422, 'false']);
  });

  it('that is empty, or a template that was not filled in, is none', async () => {
    const town = await townWithAda();
    const empty = { 'x-openwebui-user-message-id': '', 'x-openwebui-message-id': '{{MESSAGE_ID}}' };
    const first = await complete(town, 'hello', empty);
    expect((await complete(town, 'hello', empty)).id).not.toBe(first.id);
  });

  it('that is no key is 400', async () => {
    const town = await townWithAda();
    const refused = await api('POST', '/openai/v1/chat/completions', ask(town, 'hello'), undefined, {
      'idempotency-key': 'two words',
    });
    expect([refused.status, await contents(town)]).toEqual([400, []]);
  });
});

const ask = (town: TestTown, content: string): object => ({
  model: `reeve/${town.id}/ada`,
  messages: [{ role: 'user', content }],
});
