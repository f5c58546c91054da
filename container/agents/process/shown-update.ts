/** What an agent says in the middle of a turn, as the town shows it. */
import {
  MAX_PERMISSION_OPTIONS,
  MAX_PLAN_ENTRIES,
  MAX_TOOL_DETAIL_UNITS,
  clip,
  permissionOptionSchema,
} from '#protocol';
import type { ShownEvent, TurnOutput } from '../agent-process.ts';
import type { Question } from '../permissions.ts';
import type { ContentBlock, ShownUpdate, ToolCallContent, ToolCallUpdate } from './session-update.ts';

/** Tool calls of a turn whose title is remembered for their updates. */
const MAX_TOOL_CALLS = 1_000;

type Shown = Extract<ShownEvent, { readonly type: 'turn.tool_call' }>;

/** The updates of one turn: an update of a tool call names only what has changed. */
export class TurnUpdates {
  readonly #toolCalls = new Map<string, Shown>();

  read(update: ShownUpdate): TurnOutput {
    const kind = update.sessionUpdate;
    if (kind === 'agent_message_chunk') return { kind: 'text', text: textOf(update.content) };
    if (kind === 'agent_thought_chunk') return { kind: 'thought', text: textOf(update.content) };
    if (kind === 'tool_call' || kind === 'tool_call_update') return { kind: 'event', event: this.#toolCall(update) };
    const entries = update.entries
      .slice(0, MAX_PLAN_ENTRIES)
      .map(({ content, status, priority }) => ({ content, status, priority }));
    return { kind: 'event', event: { type: 'turn.plan', entries } };
  }

  /** What it asks; the call that it asks for may have been shown before. An option that no person could name is not offered. */
  question(call: ToolCallUpdate, options: Question['options']): Question {
    const { title, kind, detail } = this.#merged(call);
    const input = call.rawInput === undefined ? detail : jsonOf(call.rawInput);
    const offered = options.filter((option) => permissionOptionSchema.safeParse(option).success);
    return { title, kind, input, options: offered.slice(0, MAX_PERMISSION_OPTIONS) };
  }

  #toolCall(call: ToolCallUpdate): Shown {
    const shown = this.#merged(call);
    if (this.#toolCalls.size < MAX_TOOL_CALLS || this.#toolCalls.has(call.toolCallId)) {
      this.#toolCalls.set(call.toolCallId, shown);
    }
    return shown;
  }

  #merged({ toolCallId, title, kind, status, content, rawInput, rawOutput }: ToolCallUpdate): Shown {
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

function textOf({ type, text, uri }: ContentBlock): string {
  if (type === 'text') return text ?? '';
  return (type === 'resource_link' ? uri : null) ?? `[${type}]`;
}

function contentText({ type, content, path, newText }: ToolCallContent): string {
  if (type === 'content') return content === undefined ? '' : textOf(content);
  return type === 'diff' ? `${path ?? ''}:\n${newText ?? ''}` : '';
}

function jsonOf(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? '';
  } catch {
    // Read in a loop, written by recursion: what has too many levels for that.
    return '[too deep]';
  }
}
