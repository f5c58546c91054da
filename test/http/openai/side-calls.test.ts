/** Calls beside a chat: one fixture for each client, as it sends them, cut to what a prompt is recognised by. */
import { beforeEach, describe, expect, test } from 'vitest';
import { completionSchema } from '../../../src/http/openai/completion.ts';
import { OPEN_WEBUI_TASKS, SIDE_CALL_MARKERS } from '../../../src/http/openai/side-call-markers.ts';
import { makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { agentId, permissionId } from '../../support/ids.ts';

const MODEL = 'reeve/first/ada';
let scene: EdgeScene;

beforeEach(async () => {
  scene = await makeScene();
  scene.town.agents.set(agentId(1), scene.town.agentView(agentId(1), 'ada'));
});

const user = (content: string) => ({ role: 'user', content });
const system = (content: string) => ({ role: 'system', content });
const methods = () => scene.calls.map(({ method }) => method);

async function answerTo(messages: object[], headers: Record<string, string> = {}, model = MODEL): Promise<string> {
  const response = await scene.send('POST', '/openai/v1/chat/completions', { json: { model, messages }, headers });
  expect(response.status).toBe(200);
  return completionSchema.parse(await response.json()).choices[0]?.message.content ?? '';
}

const HISTORY =
  '### Chat History:\n<chat_history>\nUSER: How do I bake bread without any yeast at all?\nASSISTANT: With soda.\n</chat_history>';
const openWebUi = (task: string, output: string) => user(`### Task:\n${task}\n### Output:\n${output}\n${HISTORY}`);

/** By client and kind. */
const FIXTURES: readonly [client: string, kind: string, messages: object[], answer: string][] = [
  [
    'Open WebUI',
    'title',
    [
      openWebUi(
        'Generate a concise, 3-5 word title with an emoji.',
        'JSON format: { "title": "your concise title here" }',
      ),
    ],
    '{"title":"How do I bake bread without"}',
  ],
  [
    'Open WebUI',
    'tags',
    [openWebUi('Generate 1-3 broad tags.', 'JSON format: { "tags": ["tag1", "tag2", "tag3"] }')],
    '{"tags":["General"]}',
  ],
  [
    'Open WebUI',
    'follow_ups',
    [
      openWebUi(
        'Suggest 3-5 relevant follow-up questions.',
        'JSON format: { "follow_ups": ["Question 1?", "Question 2?"] }',
      ),
    ],
    '{"follow_ups":[]}',
  ],
  [
    'Open WebUI',
    'queries',
    [openWebUi('Determine the necessity of generating search queries.', '{ "queries": ["query1", "query2"] }')],
    '{"queries":[]}',
  ],
  [
    'Open WebUI',
    'image_prompt',
    [openWebUi('Generate a detailed prompt.', '{ "prompt": "Your detailed description here." }')],
    '{"prompt":"How do I bake bread without"}',
  ],
  [
    'Open WebUI',
    'autocomplete',
    [user('### Task:\nYou are an autocompletion system.\n### Output:\n{ "text": "<your_completion>" }')],
    '{"text":""}',
  ],
  [
    'Open WebUI',
    'emoji',
    [
      user(
        'Your task is to reflect the speaker\'s likely facial expression through a fitting emoji.\nMessage: """hi"""',
      ),
    ],
    '💬',
  ],
  [
    'LibreChat',
    'title',
    [
      user(
        'Provide a concise, 5-word-or-less title for the conversation, using title case conventions. Only return the title itself.\n\nConversation:\nUser: Good morning to you\nAI: And to you',
      ),
    ],
    'Good morning to you',
  ],
  [
    'LibreChat',
    'title',
    [
      system(
        'Please generate a concise title (max 40 characters) for a conversation that starts with:\nUser: Good morning\nAssistant: Hi\n\nTitle:',
      ),
      user('Please generate a title for this conversation.'),
    ],
    'Good morning',
  ],
  [
    'LobeHub',
    'title',
    [
      system(
        'You are a professional conversation summarizer. Generate a concise title.\n- Output ONLY the title text\n- Use the language specified by the locale code: en-US',
      ),
      user('user: Good morning\nassistant: Hi'),
    ],
    'Good morning',
  ],
];

describe('a call beside the chat', () => {
  test('has a fixture for each row of the markers', () => {
    const shown = FIXTURES.map(([client, kind]) => `${client} ${kind}`);
    expect(shown).toEqual(SIDE_CALL_MARKERS.map(({ client, kind }) => `${client} ${kind}`));
  });

  test.each(FIXTURES)(
    'of %s (%s) is answered without the agent, and recorded',
    async (client, kind, messages, answer) => {
      expect(await answerTo(messages)).toBe(answer);
      expect(scene.calls.map(({ method, given }) => [method, given])).toEqual([
        ['sideCall', ['ada', { client, kind }]],
      ]);
    },
  );

  test.each(FIXTURES.flatMap(([client, kind, messages]) => messages.map((_, at) => ({ client, kind, messages, at }))))(
    'of $client ($kind) without one of its markers is a message',
    async ({ client, kind, messages, at }) => {
      const row = SIDE_CALL_MARKERS[FIXTURES.findIndex(([, , all]) => all === messages)];
      expect(row).toMatchObject({ client, kind });
      const [marker = ''] = row?.markers.slice(-1) ?? [];
      const text = JSON.stringify(messages[at]);
      if (!text.includes(JSON.stringify(marker).slice(1, -1))) return;
      const without = messages.map(
        (message) => JSON.parse(JSON.stringify(message).replace(JSON.stringify(marker).slice(1, -1), '')) as object,
      );
      scene.town.getMessage = (_agent, id) =>
        Promise.resolve({ ok: true, value: { ...scene.town.messages[0], id, state: 'done', reply: 'yes' } as never });
      expect(await answerTo(without)).toBe('yes');
      expect(methods()).toContain('sendMessage');
    },
  );

  test.each(Object.keys(OPEN_WEBUI_TASKS))(
    'that Open WebUI names in its header is none for the agent: %s',
    async (task) => {
      await answerTo([user('anything')], { 'x-openwebui-task': task });
      expect(methods()).toEqual(['sideCall']);
    },
  );

  test.each(FIXTURES)(
    'of %s (%s) that is quoted in a chat swallows nothing that is said later',
    async (_, __, messages) => {
      scene.town.getMessage = (_agent, id) =>
        Promise.resolve({
          ok: true,
          value: { ...scene.town.messages.at(-1), id, state: 'done', reply: 'yes' } as never,
        });
      const quoted = user(messages.map((message) => ('content' in message ? String(message.content) : '')).join('\n'));
      const later = [quoted, { role: 'assistant', content: 'A prompt for titles.' }, user('thanks, now deploy')];
      expect(await answerTo(later)).toBe('yes');
      expect(scene.town.messages.map(({ content }) => content)).toEqual(['thanks, now deploy']);
    },
  );

  test('to an agent that is not there is 404, like a message', async () => {
    const json = { model: 'reeve/first/bob', messages: [user('x')] };
    const headers = { 'x-openwebui-task': 'title_generation' };
    expect((await scene.send('POST', '/openai/v1/chat/completions', { json, headers })).status).toBe(404);
  });

  test('to the model for such calls touches no town, and so does anything else that it is asked', async () => {
    const [, , messages = []] = FIXTURES[0] ?? [];
    expect(await answerTo(messages, {}, 'reeve/utility')).toBe('{"title":"How do I bake bread without"}');
    expect(await answerTo([user('ping')], {}, 'reeve/utility')).toContain('choose its model');
    expect(scene.calls).toEqual([]);
  });
});

describe('a command', () => {
  test.each([
    ['/help', '/allow <id>', ['standing']],
    ['/status', 'ada is idle.', ['standing']],
    ['/status', 'good morning', ['standing']],
    ['  /stop\n', 'ada is in no turn', ['standing', 'interruptAgent']],
    [`/allow ${permissionId(1)}`, 'Allowed.', ['standing', 'answerPermission']],
    [`/deny ${permissionId(1)}`, 'Denied.', ['standing', 'answerPermission']],
    ['/allow', `/allow ${permissionId(1)}`, ['standing', 'answerPermission']],
    ['/allow prm_nothing', 'no such question', ['standing', 'answerPermission']],
  ])('%j is answered by the door: %s', async (typed, words, calls) => {
    expect(await answerTo([user('work 3000'), user(typed)])).toContain(words);
    expect(methods()).toEqual(calls);
  });

  test('that allows allows once', async () => {
    await answerTo([user(`/allow ${permissionId(1)}`)]);
    expect(scene.calls.at(-1)?.given).toEqual([permissionId(1), { kind: 'allow_once' }]);
  });

  test('is one only as a whole message, and the last: anything else is said to the agent', async () => {
    scene.town.getMessage = (_agent, id) =>
      Promise.resolve({ ok: true, value: { ...scene.town.messages.at(-1), id, state: 'done', reply: 'yes' } as never });
    for (const typed of ['/stop now', '/compact', 'what does /status do?', '/status\nplease', '/STOP']) {
      expect(await answerTo([user(typed)]), typed).toBe('yes');
    }
    expect(await answerTo([user('/stop'), { role: 'assistant', content: 'done' }, user('thanks')])).toBe('yes');
    expect(scene.town.messages.map(({ content }) => content)).toContain('/compact');
  });
});
