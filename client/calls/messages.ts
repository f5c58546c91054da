/** Messages to agents, and what comes of them. */
import type * as api from '../api-types.ts';
import type { CallOptions, Caller, PageOptions, WaitOptions } from '../caller.ts';
import { agentPath } from './paths.ts';

export interface SendOptions extends WaitOptions {
  /** The same key is the same message, however often it is sent. Not said: one is drawn for this call. */
  readonly key?: string | undefined;
}

export interface MessagePageOptions extends PageOptions {
  /** `newest`: the last messages first; the `next` of a page leads on in the same order. Not said: the oldest first. */
  readonly order?: 'oldest' | 'newest' | undefined;
}

/** Seconds of one request of `waitForMessage`. */
const WAIT_SECONDS = 50;
/** Between two of them (ms): a server under load may answer before its time. */
const PAUSE_MS = 1000;
/** Bytes of a key that is drawn: none is ever drawn twice. */
const KEY_BYTES = 16;

export const messageCalls = (caller: Caller) => ({
  /**
   * What is answered is stored, and comes to an end even where its sender goes away. Sent again by itself where no answer came: with
   * the same key, so that it is one message.
   */
  sendMessage: async (
    town: string,
    agent: string,
    content: string,
    { key = newKey(), ...options }: SendOptions = {},
  ): Promise<api.Message> => {
    const body: api.NewMessage = { content, idempotency_key: key };
    const path = messagesPath(town, agent);
    return (await caller.call<api.Message>({ method: 'POST', path, body, repeatable: true, ...options })).body;
  },

  listMessages: (
    town: string,
    agent: string,
    { order, ...options }: MessagePageOptions = {},
  ): Promise<api.MessagePage> => caller.page(messagesPath(town, agent), options, { order }),

  getMessage: (town: string, agent: string, message: string, options?: WaitOptions): Promise<api.Message> =>
    caller.get(messagePath(town, agent, message), options),

  /** The message once its turn is over, however long that takes; a signal ends the wait, and not the turn. */
  waitForMessage: async (town: string, agent: string, message: string, options?: CallOptions): Promise<api.Message> => {
    for (;;) {
      const path = messagePath(town, agent, message);
      const found = await caller.get<api.Message>(path, { ...options, waitSeconds: WAIT_SECONDS });
      if (isOver(found)) return found;
      await caller.pause(PAUSE_MS, options?.signal);
    }
  },

  /** While it is queued. */
  cancelMessage: (town: string, agent: string, message: string, options?: CallOptions): Promise<api.Message> =>
    caller.delete(messagePath(town, agent, message), options),
});

const messagesPath = (town: string, agent: string): string => `${agentPath(town, agent)}/messages`;

const messagePath = (town: string, agent: string, message: string): string =>
  `${messagesPath(town, agent)}/${encodeURIComponent(message)}`;

/** Its state is final. */
export const isOver = ({ state }: api.Message): boolean =>
  state === 'done' || state === 'failed' || state === 'cancelled';

/** A key that no other message has. `crypto.randomUUID` is missing in pages that came over plain HTTP. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
