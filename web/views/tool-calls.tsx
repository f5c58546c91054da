import type { Message, StreamEvent } from '../../client/index.ts';
import { useTown } from '../app/town-context.ts';
import { Badge, type Tone } from '../parts/status.tsx';

type ToolCall = Extract<StreamEvent, { type: 'reeve.turn.tool_call' }>['data'];

const TONES: Readonly<Record<ToolCall['status'], Tone>> = {
  pending: 'busy',
  in_progress: 'busy',
  completed: 'good',
  failed: 'bad',
};

/** What the agent did on the way, as far as this page has seen it: each call once, in its last state. */
export function ToolCalls({ message }: { readonly message: Message }) {
  const { live } = useTown();
  const calls = new Map<string, ToolCall>();
  for (const event of live.events.value) {
    if (event.type !== 'reeve.turn.tool_call') continue;
    const { data } = event;
    if (data.message === message.id && data.attempt === message.attempts) calls.set(data.tool_call, data);
  }
  if (calls.size === 0) return null;
  return (
    <ul class="tool-calls" aria-label="Tool calls">
      {[...calls.values()].map(({ tool_call: id, title, kind, status, detail }) => (
        <li key={id}>
          <details>
            <summary>
              <Badge tone={TONES[status]} word={status.replace('_', ' ')} /> {title} <span class="quiet">{kind}</span>
            </summary>
            {detail === '' ? <p class="quiet">It said nothing more.</p> : <pre>{detail}</pre>}
          </details>
        </li>
      ))}
    </ul>
  );
}
