/** Published clients of OpenAI's API, unmodified, each asked in the same two ways. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText } from 'ai';
import OpenAI from 'openai';

/** A conversation before the message: none of it is for the agent. */
const BEFORE = [
  { role: 'system', content: 'You are a pirate. Never say so.' },
  { role: 'user', content: 'an earlier question' },
  { role: 'assistant', content: 'an earlier answer' },
] as const;

export interface ChatClient {
  readonly name: string;
  /** The whole answer. */
  readonly complete: (model: string, message: string) => Promise<string>;
  /** The answer in pieces, joined; rejects where the stream breaks off. */
  readonly stream: (model: string, message: string) => Promise<string>;
}

/** Each as its documentation sets it up, with what it does by default. */
export function chatClients(origin: string, apiKey: string): ChatClient[] {
  const baseURL = `${origin}/openai/v1`;
  return [
    openAi(baseURL, apiKey),
    openAiResponses(baseURL, apiKey),
    aiSdk(baseURL, apiKey),
    langChain(baseURL, apiKey),
  ];
}

const transcript = (message: string) => [...BEFORE, { role: 'user' as const, content: message }];

function openAi(baseURL: string, apiKey: string): ChatClient {
  const client = new OpenAI({ baseURL, apiKey });
  return {
    name: 'openai',
    complete: async (model, message) => {
      const answer = await client.chat.completions.create({ model, messages: transcript(message), user: 'somebody' });
      return answer.choices[0]?.message.content ?? '';
    },
    stream: async (model, message) => {
      const options = { stream: true, stream_options: { include_usage: true } } as const;
      const chunks = await client.chat.completions.create({ model, messages: transcript(message), ...options });
      let text = '';
      for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    },
  };
}

/** The same client by its other API, whose stream it puts together itself. */
function openAiResponses(baseURL: string, apiKey: string): ChatClient {
  const client = new OpenAI({ baseURL, apiKey });
  return {
    name: 'openai responses',
    complete: async (model, message) =>
      (await client.responses.create({ model, input: transcript(message), instructions: 'Be brief.' })).output_text,
    stream: async (model, message) =>
      (await client.responses.stream({ model, input: transcript(message) }).finalResponse()).output_text,
  };
}

function aiSdk(baseURL: string, apiKey: string): ChatClient {
  const provider = createOpenAICompatible({ name: 'reeve', baseURL, apiKey });
  const asked = (model: string, message: string) => {
    const [{ content: instructions }, ...before] = BEFORE;
    return { model: provider(model), instructions, messages: [...before, { role: 'user' as const, content: message }] };
  };
  return {
    name: 'ai',
    complete: async (model, message) => (await generateText(asked(model, message))).text,
    stream: async (model, message) => {
      let failed: unknown = null;
      const result = streamText({ ...asked(model, message), onError: ({ error }) => void (failed = error) });
      let text = '';
      for await (const piece of result.textStream) text += piece;
      if (failed !== null) throw new Error('the stream broke off', { cause: failed });
      return text;
    },
  };
}

function langChain(baseURL: string, apiKey: string): ChatClient {
  const model = (name: string): ChatOpenAI => new ChatOpenAI({ model: name, apiKey, configuration: { baseURL } });
  return {
    name: 'langchain',
    complete: async (name, message) => (await model(name).invoke(transcript(message))).text,
    stream: async (name, message) => {
      let text = '';
      for await (const chunk of await model(name).stream(transcript(message))) text += chunk.text;
      return text;
    },
  };
}
