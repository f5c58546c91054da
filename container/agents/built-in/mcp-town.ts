/** The town over its tools, as the built-in agent's own program calls them: what they say for a model is read back. */
import { delegationSchema, delegationWithTextSchema, mailPageSchema, mailSentSchema, peersSchema } from '#protocol';
import { z } from 'zod';
import { parseJson } from '#lib/json.ts';
import type { ToolAnswer, TownTools } from '../../clients/town-tools.ts';

/** Calls a tool of the town, and says what it came to. */
export type CallTool = (name: string, args: object) => Promise<ToolAnswer<readonly string[]>>;

/** The answer to `tools/call`: one JSON-RPC response. */
export const toolResponseSchema = z.object({
  result: z.object({
    isError: z.boolean().default(false),
    content: z.array(z.object({ type: z.literal('text'), text: z.string() })),
  }),
});

const NEXT = 'next: ';

export function mcpTown(call: CallTool): TownTools {
  return {
    peers: async (after) => {
      const answer = await call('peers', after === null ? {} : { after });
      return read(answer, peersSchema, (texts) => page(texts, (text) => linesOf(text).map(parseJson)));
    },
    sendMail: async (mail) => read(await call('send_mail', mail), mailSentSchema, ([text = '']) => parseJson(text)),
    readMail: async (cursor) => {
      const answer = await call('read_mail', cursor === null ? {} : { read_up_to: cursor });
      return read(answer, mailPageSchema, (texts) => page(texts, (text) => [withText(text)]));
    },
    delegate: async (order) => read(await call('delegate', order), delegationSchema, ([text = '']) => parseJson(text)),
    readDelegation: async (id) => read(await call('read_delegation', { id }), delegationWithTextSchema, delegation),
    finishDelegation: async (id, result) =>
      read(await call('finish_delegation', { id, ...result }), delegationSchema, ([text = '']) => parseJson(text)),
  };
}

function read<T>(
  answer: ToolAnswer<readonly string[]>,
  schema: z.ZodType<T>,
  parse: (texts: readonly string[]) => unknown,
): ToolAnswer<T> {
  if (!answer.ok) return answer;
  const parsed = schema.safeParse(parse(answer.value));
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, error: 'malformed_answer' };
}

/** Items in JSON, and where the list goes on; a text that is neither says that there are none. */
function page(texts: readonly string[], itemsOf: (text: string) => unknown[]): unknown {
  const next = texts.find((text) => text.startsWith(NEXT))?.slice(NEXT.length) ?? null;
  const items = texts.filter((text) => text.startsWith('{')).flatMap(itemsOf);
  return { items, next };
}

const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** A head of one line in JSON, and the text below it. */
function withText(text: string): unknown {
  const end = text.indexOf('\n');
  return { ...record(text.slice(0, end)), text: text.slice(end + 1) };
}

function delegation([head = '', ...texts]: readonly string[]): unknown {
  const of = (name: string): string | null =>
    texts.find((text) => text.startsWith(`${name}:\n`))?.slice(name.length + 2) ?? null;
  return { ...record(head), task: of('task'), result: of('result') };
}

function record(text: string): object {
  const value = parseJson(text);
  return typeof value === 'object' && value !== null ? value : {};
}
