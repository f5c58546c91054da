/** A message and what came of it. */
import type { Agent, Message } from '../../client/index.ts';
import { useConsole } from '../app/console.ts';
import { useTown } from '../app/town-context.ts';
import { duration } from '../lib/time.ts';
import type { Conversation } from '../live/conversation.ts';
import { ActButton } from '../parts/act.tsx';
import { Badge, type Tone } from '../parts/status.tsx';
import { TimeOfDay } from '../parts/time.tsx';
import { Text } from '../parts/text.tsx';
import { PermissionCard } from './permission-card.tsx';
import { ToolCalls } from './tool-calls.tsx';

interface Props {
  readonly message: Message;
  readonly agent: Agent;
  readonly conversation: Conversation;
}

export function MessageCard({ message, agent, conversation }: Props) {
  const { may } = useTown();
  return (
    <>
      <article class={message.kind === 'system' ? 'message system' : 'message mine'} id={message.id}>
        <p class="quiet by">
          {message.kind === 'system' ? 'the town' : message.sender.replace(/^person:/, '')}{' '}
          <TimeOfDay at={message.created_at} />
        </p>
        {message.kind === 'system' ? <Notice content={message.content} /> : <p class="text">{message.content}</p>}
        {message.state === 'queued' && (
          <p class="quiet">
            queued
            {may('chat') && (
              <>
                {' '}
                <ActButton
                  class="link"
                  act={() => conversation.cancel(message).then(() => 'The message was cancelled.')}
                >
                  Cancel
                </ActButton>
              </>
            )}
          </p>
        )}
        {message.state === 'cancelled' && <Badge tone="off" word="cancelled" />}
      </article>
      {message.state !== 'queued' && message.state !== 'cancelled' && <Reply message={message} agent={agent} />}
    </>
  );
}

/** What the town tells an agent about delegations is written for the agent. */
function Notice({ content }: { readonly content: string }) {
  return (
    <details>
      <summary>tells it about delegations</summary>
      <pre tabIndex={0}>{content}</pre>
    </details>
  );
}

const STATES: Partial<Record<Message['state'], readonly [Tone, string]>> = {
  delivered: ['off', 'its agent has it'],
  working: ['busy', 'at work'],
  failed: ['bad', 'failed'],
};

function Reply({ message, agent }: { readonly message: Message; readonly agent: Agent }) {
  const { live } = useTown();
  const writing = live.writings.byMessage.value.get(message.id);
  const text = message.reply ?? writing?.text ?? '';
  const [tone, word] = STATES[message.state] ?? [null, null];
  const questions = (live.permissions.value?.items ?? []).filter(({ message: of }) => of === message.id);
  return (
    <article class="message theirs" aria-label={`Reply of ${agent.name}`} aria-busy={message.finished_at === null}>
      <p class="quiet by">
        {agent.name} {message.finished_at !== null && <TimeOfDay at={message.finished_at} />}
      </p>
      {writing !== undefined && writing.thought !== '' && (
        <details class="thought">
          <summary>Thoughts</summary>
          <p class="text">{writing.thought}</p>
        </details>
      )}
      <ToolCalls message={message} />
      {text !== '' && <Text text={text} />}
      {message.truncated && <p class="quiet">The reply was longer than is kept.</p>}
      {questions.map((permission) => (
        <PermissionCard key={permission.id} permission={permission} />
      ))}
      {tone !== null && (
        <p>
          <Badge tone={tone} word={word} /> <Since message={message} />
        </p>
      )}
      {message.error !== null && <p class="trouble">{message.error}</p>}
    </article>
  );
}

/** How long the turn has lasted so far, and how often it was tried. */
function Since({ message }: { readonly message: Message }) {
  const { nowMs } = useConsole();
  const tries = message.attempts > 1 ? `, try ${message.attempts}` : '';
  if (message.finished_at !== null) return <span class="quiet">{tries.replace(/^, /, '')}</span>;
  const from = Date.parse(message.delivered_at ?? message.created_at);
  return (
    <span class="quiet">
      for {duration(nowMs.value - from)}
      {tries}
    </span>
  );
}
