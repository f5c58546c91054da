/** One turn, followed through the door for chat frontends: the real edge, town and built-in agent, in the lab's time. */
import { abortAllDurableObjects } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import type { AgentView, MessageId, MessageView, Page } from '../../../src/protocol/index.ts';
import { permissionId } from '../../support/ids.ts';
import { ChatReading } from '../support/chat-reading.ts';
import { lab } from '../support/lab.ts';
import { issuedTokensOf } from '../support/scene.ts';
import { TestTown, api } from '../support/town.ts';

async function townWithAda(): Promise<TestTown> {
  const town = await TestTown.create();
  await town.agent('ada');
  return town;
}

const messagesOf = async (town: TestTown): Promise<MessageView[]> =>
  (await town.api<Page<MessageView>>('GET', '/agents/ada/messages')).body.items.slice();

describe('a chat completion that streams', () => {
  it('has a role at once, the text in order, one finish reason, one id, and usage only where it is asked for', async () => {
    const town = await townWithAda();
    const plain = await (await ChatReading.of(town, 'hello')).toEnd();
    expect(plain.chunks[0]?.choices?.[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(plain.text).toBe('You said: hello');
    expect(plain.finishes).toEqual(['stop']);
    expect(new Set(plain.chunks.map(({ id }) => id)).size).toBe(1);
    expect(plain.raw.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(plain.chunks.some(({ usage }) => usage !== undefined)).toBe(false);
    expect(plain.raw).not.toMatch(/^event:/m);

    const asked = await (await ChatReading.of(town, 'again', { stream_options: { include_usage: true } })).toEnd();
    expect(asked.chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 0 } });
  });

  it('shows text, thoughts, tools and questions as they come, and at the end what is left of the reply', async () => {
    const { town, ada, message, reading } = await inATurn();
    const tool = {
      type: 'turn.tool_call',
      tool_call: 'call-1',
      title: 'reads',
      kind: 'read',
      status: 'pending',
      detail: '',
    };
    const expires = new Date(lab.clock.now() + 60_000).toISOString();
    const options = [{ id: 'y', name: 'Yes', kind: 'allow_once' }];
    const asks = { type: 'permission.requested', permission: permissionId(1), title: 'write', kind: 'edit', input: '' };
    await report(town, ada, message, [{ type: 'turn.delta', kind: 'thought', text: 'hm' }, tool]);
    await report(town, ada, message, [
      { type: 'turn.delta', text: 'good ' },
      { ...asks, options, expires_at: expires },
    ]);
    await reading.until(({ text }) => text !== '');
    expect(reading.reasoning).toContain('hm\n* reads\n\nThe agent asks for permission: write\n');
    expect(reading.reasoning).toContain(`/allow ${permissionId(1)}`);
    expect(reading.isOver).toBe(false);
    await report(town, ada, message, [{ ...tool, status: 'completed' }, finished('good morning')]);
    await reading.toEnd();
    expect([reading.text, reading.finishes]).toEqual(['good morning', ['stop']]);
    expect(reading.reasoning.match(/reads/g)).toHaveLength(1);
    expect((await town.message('ada', message)).reply).toBe('good morning');
  });

  it('shows nothing that another agent, or an earlier attempt, says of the turn', async () => {
    const { town, ada, message, reading } = await inATurn();
    const bob = await town.agent('bob');
    await report(town, bob, message, [{ type: 'turn.delta', text: 'of bob' }]);
    await report(town, ada, message, [{ type: 'turn.delta', text: 'of a later one', attempt: 2 }]);
    await report(town, ada, message, [finished('mine')]);
    expect((await reading.toEnd()).text).toBe('mine');
  });

  it('of an agent that is busy is queued in order, with one line of reasoning and comments', async () => {
    const town = await townWithAda();
    const first = await town.work('ada', 60);
    const reading = await ChatReading.of(town, 'hello');
    await reading.until(({ raw }) => /^: /m.test(raw), 1000);
    expect(reading.reasoning.match(/Queued/g)).toHaveLength(1);
    expect(reading.text).toBe('');
    await reading.toEnd();
    expect(reading.text).toBe('You said: hello');
    expect((await town.message('ada', first.id)).state).toBe('done');
  });

  it('ends with an error, not with a status, where the turn fails', async () => {
    const { town, ada, message, reading } = await inATurn();
    const result = { state: 'failed', error: 'out of memory' };
    await report(town, ada, message, [{ type: 'turn.finished', result }]);
    await reading.toEnd();
    expect(reading.status).toBe(200);
    expect(reading.finishes).toEqual([]);
    expect(reading.chunks.at(-1)).toMatchObject({
      error: {
        message: expect.stringContaining('out of memory'),
        type: 'agent_error',
        code: 'turn_failed',
        param: null,
      },
    });
  });

  it('goes on where its client leaves: a disconnect is not a stop', async () => {
    const { town, ada, message, reading } = await inATurn();
    await reading.leave();
    expect((await town.message('ada', message)).state).toBe('working');
    await report(town, ada, message, [finished('good morning')]);
    expect((await town.message('ada', message)).state).toBe('done');
  });

  it('whose town leaves memory in the middle of the turn has the rest of the text with the end, and nothing twice', async () => {
    const { town, ada, message, reading } = await inATurn();
    await report(town, ada, message, [{ type: 'turn.delta', text: 'good ' }]);
    await reading.until(({ text }) => text !== '');
    await abortAllDurableObjects();
    await report(town, ada, message, [{ type: 'turn.delta', text: 'morning ' }]);
    await report(town, ada, message, [finished('good morning to you')]);
    await reading.toEnd();
    expect([reading.text, reading.finishes]).toEqual(['good morning to you', ['stop']]);
  });
});

let counter = 1000;

/** What an agent reports of a turn, in a batch of its own. */
async function report(town: TestTown, agent: AgentView, message: MessageId, events: readonly object[]): Promise<void> {
  counter += 1;
  const token = issuedTokensOf(town).findLast((issued) => issued.agent === agent.id)?.token;
  const of = { message, attempt: 1, at: new Date(lab.clock.now()).toISOString() };
  const batch = { counter, events: events.map((event) => ({ ...of, ...event })) };
  expect((await api('POST', '/v1/agent/events', batch, token)).status).toBe(200);
}

const finished = (reply: string): object => ({
  type: 'turn.finished',
  result: { state: 'done', reply, truncated: false },
});

/** A client that streams the answer to a message with which the agent is at work, as far as the town knows. */
async function inATurn(): Promise<{ town: TestTown; ada: AgentView; message: MessageId; reading: ChatReading }> {
  const town = await TestTown.create();
  const ada = await town.agent('ada');
  // What the agent itself says of the turn is lost: the test says it.
  town.container().outgoing = () => Promise.reject(new TypeError('the connection was reset'));
  const reading = await ChatReading.of(town, 'work 3000');
  await town.settled();
  const [message] = await messagesOf(town);
  if (message === undefined) throw new Error('the message is stored');
  await report(town, ada, message.id, [{ type: 'turn.started' }]);
  return { town, ada, message: message.id, reading };
}
