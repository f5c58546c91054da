/**
 * How the calls look that frontends make beside a chat, by the texts of their own prompts. A call is one where all markers of a row stand in
 * it: a message that is taken for one is worse than a title that reaches an agent, so a row has several, of the frontend's own words.
 */

/** What a frontend wants beside the chat. */
export type SideCallKind =
  'title' | 'tags' | 'follow_ups' | 'queries' | 'image_prompt' | 'autocomplete' | 'emoji' | 'other';

/** One kind of call of one frontend. */
export interface SideCallMarkers {
  readonly client: string;
  readonly kind: SideCallKind;
  readonly markers: readonly string[];
  /** The answer is JSON with this one field; null: it is text. */
  readonly field: string | null;
}

const OPEN_WEBUI = ['### Task:', '### Output:', '<chat_history>'];

/** The calls that are known. */
export const SIDE_CALL_MARKERS: readonly SideCallMarkers[] = [
  {
    client: 'Open WebUI',
    kind: 'title',
    markers: [...OPEN_WEBUI, '{ "title": "your concise title here" }'],
    field: 'title',
  },
  { client: 'Open WebUI', kind: 'tags', markers: [...OPEN_WEBUI, '{ "tags": ["tag1", "tag2"'], field: 'tags' },
  {
    client: 'Open WebUI',
    kind: 'follow_ups',
    markers: [...OPEN_WEBUI, '{ "follow_ups": ["Question 1?"'],
    field: 'follow_ups',
  },
  {
    client: 'Open WebUI',
    kind: 'queries',
    markers: [...OPEN_WEBUI, 'necessity of generating search queries', '{ "queries": ['],
    field: 'queries',
  },
  {
    client: 'Open WebUI',
    kind: 'image_prompt',
    markers: [...OPEN_WEBUI, '{ "prompt": "Your detailed description here." }'],
    field: 'prompt',
  },
  {
    client: 'Open WebUI',
    kind: 'autocomplete',
    markers: ['### Task:', 'You are an autocompletion system', '{ "text": "<your_completion>" }'],
    field: 'text',
  },
  {
    client: 'Open WebUI',
    kind: 'emoji',
    markers: ["Your task is to reflect the speaker's likely facial expression through a fitting emoji", 'Message: """'],
    field: null,
  },
  {
    client: 'LibreChat',
    kind: 'title',
    markers: [
      'Provide a concise, 5-word-or-less title for the conversation',
      'Only return the title itself',
      'Conversation:',
    ],
    field: null,
  },
  {
    client: 'LibreChat',
    kind: 'title',
    markers: ['Please generate a concise title (max 40 characters) for a conversation that starts with:', 'Title:'],
    field: null,
  },
  {
    client: 'LobeHub',
    kind: 'title',
    markers: ['You are a professional conversation summarizer', 'Output ONLY the title text', 'locale code'],
    field: null,
  },
];

/** Open WebUI names its calls in a header, where its connection sends that. */
export const OPEN_WEBUI_TASKS: Readonly<Record<string, Pick<SideCallMarkers, 'kind' | 'field'>>> = {
  title_generation: { kind: 'title', field: 'title' },
  tags_generation: { kind: 'tags', field: 'tags' },
  follow_up_generation: { kind: 'follow_ups', field: 'follow_ups' },
  query_generation: { kind: 'queries', field: 'queries' },
  image_prompt_generation: { kind: 'image_prompt', field: 'prompt' },
  autocomplete_generation: { kind: 'autocomplete', field: 'text' },
  emoji_generation: { kind: 'emoji', field: null },
};
