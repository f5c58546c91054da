/** What an agent says in the middle of a turn, as the town shows it. */
import type { ContentBlock, SessionUpdate, ToolCall, ToolCallContent, ToolCallUpdate } from '@agentclientprotocol/sdk';
import { MAX_PERMISSION_OPTIONS, MAX_PLAN_ENTRIES, MAX_TOOL_DETAIL_UNITS, clip } from '#protocol';
import type { ShownEvent, TurnOutput } from '../agent-process.ts';
import type { Question } from '../permissions.ts';

/** Tool calls of a turn whose title is remembered for their updates. */
const MAX_TOOL_CALLS = 1_000;

type Shown = Extract<ShownEvent, { readonly type: 'turn.tool_call' }>;

/** The updates of one turn: an update of a tool call names only what has changed. */
export class TurnUpdates {
  readonly #toolCalls = new Map<string, Shown>();

  /** Null: nothing of it is shown. */
  read(update: SessionUpdate): TurnOutput | null {
    const kind = update.sessionUpdate;
    if (kind === 'agent_message_chunk') return { kind: 'text', text: textOf(update.content) };
    if (kind === 'agent_thought_chunk') return { kind: 'thought', text: textOf(update.content) };
    if (kind === 'tool_call' || kind === 'tool_call_update') return { kind: 'event', event: this.#toolCall(update) };
    if (kind !== 'plan') return null;
    const entries = update.entries
      .slice(0, MAX_PLAN_ENTRIES)
      .map(({ content, status, priority }) => ({ content, status, priority }));
    return { kind: 'event', event: { type: 'turn.plan', entries } };
  }

  /** What it asks; the call that it asks for may have been shown before. */
  question(call: ToolCallUpdate, options: Question['options']): Question {
    const { title, kind, detail } = this.#merged(call);
    const input = call.rawInput === undefined ? detail : jsonOf(call.rawInput);
    return { title, kind, input, options: options.slice(0, MAX_PERMISSION_OPTIONS) };
  }

  #toolCall(call: ToolCall | ToolCallUpdate): Shown {
    const shown = this.#merged(call);
    if (this.#toolCalls.size < MAX_TOOL_CALLS || this.#toolCalls.has(call.toolCallId)) {
      this.#toolCalls.set(call.toolCallId, shown);
    }
    return shown;
  }

  #merged({ toolCallId, title, kind, status, content, rawInput, rawOutput }: ToolCall | ToolCallUpdate): Shown {
    const known = this.#toolCalls.get(toolCallId);
    const texts = (content ?? []).map(contentText).filter((text) => text !== '');
    const raw = rawOutput ?? rawInput;
    const detail = texts.length > 0 ? texts.join('\n') : raw === undefined ? (known?.detail ?? '') : jsonOf(raw);
    return {
      type: 'turn.tool_call',
      tool_call: toolCallId,
      title: title ?? known?.title ?? toolCallId,
      kind: kind ?? known?.kind ?? 'other',
      status: status ?? known?.status ?? 'pending',
      detail: clip(detail, MAX_TOOL_DETAIL_UNITS),
    };
  }
}

function textOf(block: ContentBlock): string {
  if (block.type === 'text') return block.text;
  return block.type === 'resource_link' ? block.uri : `[${block.type}]`;
}

function contentText(content: ToolCallContent): string {
  if (content.type === 'content') return textOf(content.content);
  return content.type === 'diff' ? `${content.path}:\n${content.newText}` : '';
}

const jsonOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''));
