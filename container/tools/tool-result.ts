import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';

/** What a tool comes to: texts for a model to read, or a code and what to do about it. */
export type ToolResult =
  | { readonly ok: true; readonly texts: readonly string[] }
  | { readonly ok: false; readonly code: string; readonly detail?: string };

/** What a model can do about each code; a code that is not listed stands alone. */
const ADVICE: Readonly<Record<string, string>> = {
  invalid_arguments: 'Call the tool again with corrected arguments.',
  invalid_request: 'The town does not take these arguments. Call the tool again with corrected ones.',
  unknown_tool: 'List the tools to see which there are.',
  insufficient_scope: 'You may not do this. Do not try again; tell the person who gave you the task.',
  not_found: 'There is no such agent, mail or delegation, or it is not yours. The tool peers lists the agents.',
  state_conflict:
    'Its state does not allow this, for example because it is over. The tool read_delegation shows the state.',
  payload_too_large: 'The text is too long. Send a shorter one.',
  limit_exceeded: 'Too many of these in a short time. Go on with other work and try again in a minute.',
  timeout: 'The town did not answer in time. What changes something may have happened: look before you do it again.',
  unreachable: 'The town was not reached. What changes something may have happened: look before you do it again.',
  malformed_answer:
    'No answer of the town came back. What changes something may have happened: look before you do it again.',
  paused: 'The town does not accept calls from here at present. Try again in a minute.',
  unknown_question: 'You asked no such question in this turn.',
  no_turn: 'The tools work only while you work on a message.',
  turn_over: 'The turn that this call was made in is over. Stop.',
  over: 'This agent was stopped. Stop.',
};

/** As MCP says it: what went wrong is a result too, so that the model reads it. */
export function toMcp(result: ToolResult): CallToolResult {
  if (result.ok) return { content: result.texts.map((text) => ({ type: 'text', text })) };
  const { code, detail } = result;
  const text = [detail === undefined ? code : `${code}: ${detail}`, ADVICE[code]].filter((part) => part !== undefined);
  return { isError: true, content: [{ type: 'text', text: text.join('\n') }] };
}
