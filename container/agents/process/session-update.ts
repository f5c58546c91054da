/** What this side reads of an agent's `session/update` (ACP): of each kind that is shown, the fields that are, and nothing else. */
import { methods, type AnyNotification } from '@agentclientprotocol/sdk';
import { z } from 'zod';

/** What fits of a list: one bad entry takes no other with it. */
const fitting = <T>(entry: z.ZodType<T>) =>
  z.array(z.unknown()).transform((all) =>
    all.flatMap((one) => {
      const read = entry.safeParse(one);
      return read.success ? [read.data] : [];
    }),
  );

/** `text` of a text, `uri` of a link; of other kinds their name is all that is shown. */
const contentBlock = z.object({ type: z.string(), text: z.string().nullish(), uri: z.string().nullish() });
export type ContentBlock = z.infer<typeof contentBlock>;

const toolCallContent = z.object({
  type: z.string(),
  content: contentBlock.optional(),
  /** Of a diff. */
  path: z.string().optional(),
  newText: z.string().optional(),
});
export type ToolCallContent = z.infer<typeof toolCallContent>;

/** An update of one names only what has changed. What is no list or no word of the protocol counts as not named. */
const toolCall = z.object({
  toolCallId: z.string(),
  title: z.string().nullish().catch(null),
  kind: z.string().nullish().catch(null),
  status: z.enum(['pending', 'in_progress', 'completed', 'failed']).nullish().catch(null),
  content: fitting(toolCallContent).nullish().catch(null),
  rawInput: z.unknown().optional(),
  rawOutput: z.unknown().optional(),
});
export type ToolCallUpdate = z.infer<typeof toolCall>;

const chunk = z.object({ content: contentBlock });
const planEntry = z.object({ content: z.string(), status: z.string(), priority: z.string() });

const shownSchema = z.discriminatedUnion('sessionUpdate', [
  chunk.extend({ sessionUpdate: z.literal('agent_message_chunk') }),
  chunk.extend({ sessionUpdate: z.literal('agent_thought_chunk') }),
  toolCall.extend({ sessionUpdate: z.literal('tool_call') }),
  toolCall.extend({ sessionUpdate: z.literal('tool_call_update') }),
  z.object({ sessionUpdate: z.literal('plan'), entries: fitting(planEntry) }),
]);
export type ShownUpdate = z.infer<typeof shownSchema>;

const SHOWN: ReadonlySet<string> = new Set(shownSchema.options.map(({ shape }) => shape.sessionUpdate.value));
const updateSchema = z.object({ sessionId: z.string(), update: z.looseObject({ sessionUpdate: z.string() }) });

/** A notification that says how a turn goes on. An agent may write any JSON. */
export function isUpdate(message: unknown): message is AnyNotification {
  if (typeof message !== 'object' || message === null) return false;
  return 'method' in message && message.method === methods.client.session.update && !('id' in message);
}

/** `other`: of a kind that is not shown. `unreadable`: not as the protocol has it. */
export type ReadUpdate =
  | { readonly kind: 'shown'; readonly session: string; readonly update: ShownUpdate }
  | { readonly kind: 'other' | 'unreadable' };

/** Never throws. */
export function readUpdate(params: unknown): ReadUpdate {
  const given = updateSchema.safeParse(params);
  if (!given.success) return { kind: 'unreadable' };
  const { sessionId: session, update } = given.data;
  if (!SHOWN.has(update.sessionUpdate)) return { kind: 'other' };
  const shown = shownSchema.safeParse(update);
  return shown.success ? { kind: 'shown', session, update: shown.data } : { kind: 'unreadable' };
}
