/** A conversation with an agent: what was said, what it does now, what waits, and a place to write. */
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Agent } from '../../client/index.ts';
import { useTown } from '../app/town-context.ts';
import { Conversation, type Sending } from '../live/conversation.ts';
import { ActButton } from '../parts/act.tsx';
import { Composer } from './composer.tsx';
import { MessageCard } from './message-card.tsx';

/** Nearer to the end than this (px) the reader is at the end, and stays there while text comes. */
const NEAR_END = 80;

interface Props {
  readonly agent: Agent;
  /** A message to go to. */
  readonly at: string | null;
}

export function ChatView({ agent, at }: Props) {
  const { live, may } = useTown();
  const conversation = useMemo(() => new Conversation(live, agent), [live, agent.id]);
  useEffect(() => () => conversation.end(), [conversation]);
  const { messages, older, isRead, error } = conversation.state.value;
  const sending = conversation.sending.value;
  const list = useStayAtEnd();
  useEffect(() => {
    if (at !== null && isRead) document.getElementById(at)?.scrollIntoView({ block: 'center' });
  }, [at, isRead]);
  return (
    <div class="chat">
      <div class="messages" ref={list} tabIndex={0} role="log" aria-label={`Conversation with ${agent.name}`}>
        {older !== null && (
          <ActButton class="link" act={() => conversation.readOlder().then(() => null)}>
            Earlier messages
          </ActButton>
        )}
        {error !== null && (
          <p class="trouble" role="alert">
            The messages cannot be read: {error.message}.{' '}
            <button type="button" class="link" onClick={() => void conversation.read()}>
              Try again
            </button>
          </p>
        )}
        {!isRead && error === null && <p class="quiet loading">Reading the messages…</p>}
        {isRead && messages.length === 0 && sending.length === 0 && (
          <p class="empty">Nothing was said yet. What you write is stored before it is sent, and comes to an end.</p>
        )}
        {messages.map((message) => (
          <MessageCard key={message.id} message={message} agent={agent} conversation={conversation} />
        ))}
        {sending.map((one) => (
          <Unsent key={one.key} sending={one} conversation={conversation} />
        ))}
      </div>
      {may('chat') && agent.state !== 'retired' ? (
        <Composer agent={agent} conversation={conversation} />
      ) : (
        <p class="quiet">
          {agent.state === 'retired' ? 'This agent was torn down.' : 'You may look; members and owners can write.'}
        </p>
      )}
    </div>
  );
}

interface UnsentProps {
  readonly sending: Sending;
  readonly conversation: Conversation;
}

/** A message that the server has not confirmed yet. */
function Unsent({ sending: { key, content, error }, conversation }: UnsentProps) {
  return (
    <article class="message mine">
      <p class="text">{content}</p>
      {error === null ? (
        <p class="quiet">on its way…</p>
      ) : (
        <p class="trouble" role="alert">
          Not sent: {error.message}.{' '}
          <button type="button" class="link" onClick={() => void conversation.send(content, key)}>
            Send again
          </button>{' '}
          <button type="button" class="link" onClick={() => conversation.forget(key)}>
            Give it up
          </button>
        </p>
      )}
    </article>
  );
}

/** Keeps a list at its end while it grows, unless its reader has scrolled away. */
function useStayAtEnd() {
  const list = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const { current } = list;
    const look = (): void => {
      if (current !== null)
        isAtEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < NEAR_END;
    };
    current?.addEventListener('scroll', look, { passive: true });
    return () => current?.removeEventListener('scroll', look);
  }, []);
  useLayoutEffect(() => {
    if (isAtEnd.current && list.current !== null) list.current.scrollTop = list.current.scrollHeight;
  });
  return list;
}
