import { newKey, type Agent } from '../../client/index.ts';
import { useTown } from '../app/town-context.ts';
import { useDraft } from '../lib/draft.ts';
import type { Conversation } from '../live/conversation.ts';
import { ActButton } from '../parts/act.tsx';

/** What sending comes to right now, where that is more than a turn. */
const SENDING: Partial<Record<Agent['state'], string>> = {
  starting: 'It is starting: your message waits until it is up.',
  working: 'It is at work: your message is next in its queue.',
  stalled: 'It has not been heard for a while: your message waits until it is, or until it was started again.',
  stopped: 'It is stopped: your message starts it.',
  failed: 'It was given up: your message starts it again.',
};
const ASLEEP = 'Its container sleeps: your message wakes it, which takes some seconds.';

/** A place to write. What is typed survives a reload; Enter sends, Shift and Enter begin a line. */
export function Composer({ agent, conversation }: { readonly agent: Agent; readonly conversation: Conversation }) {
  const { live } = useTown();
  const draft = useDraft(agent.id);
  const isAsleep =
    live.containers.value?.items.find(({ container }) => container === agent.container)?.state === 'asleep';
  const send = (event: Event): void => {
    event.preventDefault();
    const content = draft.peek().trim();
    if (content === '') return;
    draft.value = '';
    void conversation.send(content, newKey());
  };
  const hint = SENDING[agent.state] ?? (isAsleep ? ASLEEP : undefined);
  return (
    <form class="composer" onSubmit={send}>
      {hint !== undefined && <p class="quiet">{hint}</p>}
      <div>
        <textarea
          aria-label={`Message to ${agent.name}`}
          placeholder={`Write to ${agent.name}`}
          rows={2}
          value={draft.value}
          onInput={({ currentTarget }) => {
            draft.value = currentTarget.value;
          }}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
          }}
        />
        <button type="submit" class="primary" disabled={draft.value.trim() === ''}>
          Send
        </button>
        {agent.state === 'working' && (
          <ActButton
            title="Ends the turn that it is in; it goes on with its next message"
            act={async () => {
              live.agents.put(await live.client.interruptAgent(live.id, agent.id));
              return `${agent.name} was asked to end its turn.`;
            }}
          >
            Interrupt
          </ActButton>
        )}
      </div>
    </form>
  );
}
