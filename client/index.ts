/**
 * `reeve/client`: the API of people and the live stream, for browsers and Node 24. No dependencies. Each method has the name of its
 * operation in `/openapi.json`, and rejects with `ApiError` where the server refuses and with `Unreachable` where it does not answer.
 */
import { ApiError } from './api-error.ts';
import { agentCalls } from './calls/agents.ts';
import { keyCalls } from './calls/keys.ts';
import { memberCalls } from './calls/members.ts';
import { messageCalls } from './calls/messages.ts';
import { permissionCalls } from './calls/permissions.ts';
import { signInCalls } from './calls/sign-in.ts';
import { townPath } from './calls/paths.ts';
import { townCalls } from './calls/towns.ts';
import { webhookCalls } from './calls/webhooks.ts';
import { Caller } from './caller.ts';
import { platform, type Outside } from './outside.ts';
import { StreamClient, type StreamClientOptions } from './stream-client.ts';

export { ApiError, Unreachable } from './api-error.ts';
export type * from './api-types.ts';
export type { DeletedAgent } from './calls/agents.ts';
export { isOver, newKey } from './calls/messages.ts';
export type { MessagePageOptions, SendOptions } from './calls/messages.ts';
export type { PermissionPageOptions } from './calls/permissions.ts';
export type { EventPageOptions } from './calls/towns.ts';
export type { CallOptions, PageOptions, WaitOptions } from './caller.ts';
export type { Gap, StreamClient, StreamState } from './stream-client.ts';
export type { StreamDelta, StreamEvent } from './stream-event.ts';

export interface ClientOptions {
  /** Where the Reeve is, like `https://reeve.example.com`. */
  readonly url: string;
  /** An API key or another credential of a person; empty: none yet, and none is sent. A function is asked before each request, so that what it answers may change. */
  readonly token: string | (() => string | Promise<string>);
  /** Instead of the platform's. */
  readonly fetch?: (address: string, init: RequestInit) => Promise<Response>;
}

/** The stream's own options, without what the client knows. */
export type FollowOptions = Omit<StreamClientOptions, 'address' | 'ticket'>;

export type ReeveClient = ReturnType<typeof createClient>;

/** Who may not follow, or not any more, and where no town is: no later ticket would come. */
const NO_TICKET = [401, 403, 404];

/** Sends nothing by itself. `outside` is for tests. */
export function createClient({ url, token, fetch }: ClientOptions, outside: Outside = platform) {
  const { origin } = new URL(url);
  const source = typeof token === 'string' ? () => token : token;
  const caller = new Caller({ origin, token: source, fetch: fetch ?? outside.fetch }, outside);
  const towns = townCalls(caller);
  return {
    ...towns,
    ...agentCalls(caller),
    ...messageCalls(caller),
    ...permissionCalls(caller),
    ...signInCalls(caller),
    ...keyCalls(caller),
    ...memberCalls(caller),
    ...webhookCalls(caller),

    /** The town's live stream, over as many connections as it takes, until it is closed or refused. Begins at once. */
    follow: (town: string, options: FollowOptions): StreamClient => {
      const ticket = async (): Promise<string | null> => {
        try {
          return (await towns.createTicket(town)).ticket;
        } catch (thrown) {
          if (!(thrown instanceof ApiError && NO_TICKET.includes(thrown.status))) throw thrown;
          options.onError?.(thrown);
          return null;
        }
      };
      return new StreamClient({ ...options, address: `${origin}${townPath(town)}/stream`, ticket }, outside);
    },
  };
}

/** Every item of a list, page after page: `everyItem((cursor) => client.listAgents(town, { cursor }))`. */
export async function* everyItem<T>(
  read: (cursor: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>,
): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  do {
    const { items, next } = await read(cursor);
    yield* items;
    cursor = next ?? undefined;
  } while (cursor !== undefined);
}
