/** Calls that a frontend makes beside a chat, answered without an agent: what they say is not for it, and it would remember it. */
import { clip } from '#protocol';
import { filled, type Header } from './message-key.ts';
import { OPEN_WEBUI_TASKS, SIDE_CALL_MARKERS, type SideCallKind, type SideCallMarkers } from './side-call-markers.ts';
import { textIn, type Entries } from './transcript.ts';

/** A call, who makes it, and its answer. */
export interface SideCall {
  readonly client: string;
  readonly kind: SideCallKind;
  readonly answer: string;
}

/** The longest title, in words and in UTF-16 code units. */
const TITLE_WORDS = 6;
const TITLE_UNITS = 50;
/** What the model that is no agent says to anything that is no such call: to a health check, and to a person who chose it. */
export const UTILITY_ANSWER =
  'This model answers what frontends ask beside a chat. To talk with an agent, choose its model.';

/** Null: it is no such call, as far as its own words or the header of Open WebUI say. */
export function sideCallIn(header: Header, entries: Entries): SideCall | null {
  const spoke = entries.findLastIndex(({ role }) => role === 'assistant');
  const text = entries
    // What the person said before is of the chat: once a prompt is quoted in it, all that follows would be taken for such a call.
    .filter(({ role }, at) => role !== 'assistant' && (role !== 'user' || at > spoke))
    .map(({ content }) => textIn(content))
    .join('\n');
  const task = filled(header, 'x-openwebui-task');
  if (task !== null) {
    const known = OPEN_WEBUI_TASKS[task] ?? { kind: 'other', field: null };
    return { client: 'Open WebUI', kind: known.kind, answer: answerOf(known, text) };
  }
  const found = SIDE_CALL_MARKERS.find(({ markers }) => markers.every((marker) => text.includes(marker)));
  return found === undefined ? null : { client: found.client, kind: found.kind, answer: answerOf(found, text) };
}

function answerOf({ kind, field }: Pick<SideCallMarkers, 'kind' | 'field'>, text: string): string {
  const value = VALUES[kind](text);
  return field === null ? String(value) : JSON.stringify({ [field]: value });
}

/** What is made without a model: a title of the first words of the person; of the rest as little as the frontend takes. */
const VALUES: Readonly<Record<SideCallKind, (text: string) => string | readonly string[]>> = {
  title: titleOf,
  tags: () => ['General'],
  follow_ups: () => [],
  queries: () => [],
  image_prompt: titleOf,
  autocomplete: () => '',
  emoji: () => '💬',
  other: () => UTILITY_ANSWER,
};

/** Transcripts in such prompts name who speaks at the beginning of a line. */
function titleOf(text: string): string {
  const said = /^\s*(?:user|human)\s*:\s*(.+)$/im.exec(text)?.[1] ?? '';
  const words = said
    .replaceAll(/["'`*#<>{}]/g, '')
    .trim()
    .split(/\s+/)
    .slice(0, TITLE_WORDS)
    .join(' ');
  return words === '' ? 'Conversation' : clip(words, TITLE_UNITS);
}
