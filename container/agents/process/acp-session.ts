/** The conversation with one process in the Agent Client Protocol: the handshake, its one session, and one prompt at a time. */
import * as acp from '@agentclientprotocol/sdk';
import { Readable, Writable } from 'node:stream';
import { MAX_REPLY_BYTES } from '#protocol';
import type { ToolTurn } from '../../tools/tool-call.ts';
import { StartError, type AgentLaunch, type Prompt } from '../agent-process.ts';
import type { Permissions } from '../permissions.ts';
import { PersonQuestions } from '../person-questions.ts';
import { promptContent, type PromptContent } from './prompt-content.ts';
import { isUpdate, readUpdate } from './session-update.ts';
import { TurnUpdates } from './shown-update.ts';

/** A message of the agent; a longer one ends the conversation. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** Messages to the agent that it has not taken; one that reads has few. What it writes beyond them ends the conversation. */
const MAX_UNREAD = 1_000;
const UNREAD = `it goes on writing, and has not read the last ${MAX_UNREAD} messages`;
/** More than is kept of a reply, whatever its characters. */
const MAX_REPLY_UNITS = MAX_REPLY_BYTES + 1;
/** The protocol's own code for an agent that wants to be signed in first. */
const AUTH_REQUIRED = -32_000;

export interface SessionParts {
  readonly input: Writable;
  readonly output: Readable;
  readonly launch: AgentLaunch;
  readonly cwd: string;
  readonly mcpServers: acp.McpServer[];
  readonly permissions: Permissions;
  /** A mark for a fence: 20 random characters. */
  readonly drawMark: () => string;
  /** The agent said something of its turn that is not as the protocol has it. */
  readonly onUnreadable: () => void;
  /** Takes the values of secrets out of what the agent says of its errors. */
  readonly scrub: (text: string) => string;
}

interface Turn {
  readonly prompt: Prompt;
  readonly updates: TurnUpdates;
  readonly over: AbortController;
  readonly people: PersonQuestions;
  reply: string;
}

export class AcpSession {
  readonly #parts: SessionParts;
  readonly #connection: acp.ClientConnection;
  #session = '';
  /** No prompt was sent to the agent in it. */
  #isNew = false;
  #turn: Turn | null = null;
  /** Messages to the agent that are on their way into its pipe. */
  #unread = 0;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { readable, writable } = acp.ndJsonStream(Writable.toWeb(parts.input), Readable.toWeb(parts.output), {
      maxMessageBytes: MAX_MESSAGE_BYTES,
    });
    const updates = new TransformStream<acp.AnyMessage, acp.AnyMessage>({
      transform: (message, rest) => {
        // The library answers whatever it is asked, and keeps the answers until they are written.
        if (this.#unread > MAX_UNREAD) throw new Error(UNREAD);
        if (isUpdate(message)) this.#update(message.params);
        else rest.enqueue(message);
      },
    });
    this.#connection = acp
      .client({ name: 'reeve' })
      .onRequest(acp.methods.client.session.requestPermission, ({ params }) => this.#permission(params))
      .connect({ readable: readable.pipeThrough(updates), writable: this.#counted(writable) });
  }

  /** The way to the agent, which takes at once what the library says, so that it is seen how much waits there. */
  #counted(writable: WritableStream<acp.AnyMessage>): WritableStream<acp.AnyMessage> {
    const pipe = writable.getWriter();
    return new WritableStream({
      start: (counted) => void pipe.closed.catch((reason: unknown) => counted.error(reason)),
      write: (message) => {
        this.#unread += 1;
        // Where it cannot be written, the pipe is closed.
        void pipe.write(message).then(
          () => (this.#unread -= 1),
          () => {},
        );
      },
      close: () => pipe.close(),
      abort: (reason) => pipe.abort(reason),
    });
  }

  /** Aborts when the conversation is over: its reason says why. */
  get over(): AbortSignal {
    return this.#connection.signal;
  }

  /** The id of the session, once there is one. */
  get id(): string {
    return this.#session;
  }

  /**
   * Opens the one session: the `known` one where the agent can take it up again, else a new one. What it replays of it is not shown.
   * Rejects with `StartError` where the agent refuses, and with anything where the process is gone.
   */
  async open(known: string | null): Promise<void> {
    const { agent } = this.#connection;
    const { cwd, mcpServers } = this.#parts;
    try {
      const { protocolVersion, agentCapabilities } = await agent.request(acp.methods.agent.initialize, {
        protocolVersion: acp.PROTOCOL_VERSION,
        clientCapabilities: {},
        clientInfo: { name: 'reeve', version: '0.1.0' },
      });
      if (protocolVersion !== acp.PROTOCOL_VERSION) {
        throw new StartError('protocol_error', `the agent speaks version ${protocolVersion} of the protocol`);
      }
      const servers = agentCapabilities?.mcpCapabilities?.http === true ? mcpServers : [];
      if (known !== null && (await this.#takeUp(known, servers, agentCapabilities ?? {}))) this.#session = known;
      else {
        this.#session = (await agent.request(acp.methods.agent.session.new, { cwd, mcpServers: servers })).sessionId;
        this.#isNew = true;
      }
    } catch (thrown) {
      if (!(thrown instanceof acp.RequestError)) throw thrown;
      const reason = thrown.code === AUTH_REQUIRED ? 'auth_required' : 'protocol_error';
      throw new StartError(reason, this.#describe(thrown));
    }
  }

  /** The turn under way, as the agent's tools see it. */
  get toolTurn(): ToolTurn | null {
    const turn = this.#turn;
    if (turn === null) return null;
    const report = (task: string): void => turn.prompt.emit({ kind: 'task', task });
    return { over: turn.over.signal, report, people: turn.people, traceparent: turn.prompt.traceparent };
  }

  /** Works on one message; rejects where the agent does, and where the conversation is over. */
  async prompt(prompt: Prompt): Promise<string> {
    const over = new AbortController();
    const people = new PersonQuestions(this.#parts.permissions, { emit: prompt.emit, signal: over.signal });
    const turn: Turn = { prompt, updates: new TurnUpdates(), over, people, reply: '' };
    this.#turn = turn;
    const cancel = (): void => this.#cancel(turn);
    prompt.signal.addEventListener('abort', cancel, { once: true });
    try {
      const request: acp.PromptRequest = { sessionId: this.#session, ...this.#contentOf(prompt) };
      const asked = this.#connection.agent.request(acp.methods.agent.session.prompt, request);
      if (prompt.signal.aborted) cancel();
      const { stopReason } = await asked;
      if (stopReason !== 'end_turn') throw new Error(STOPPED[stopReason]);
      return turn.reply;
    } catch (thrown) {
      throw thrown instanceof acp.RequestError ? new Error(this.#describe(thrown)) : thrown;
    } finally {
      prompt.signal.removeEventListener('abort', cancel);
      turn.over.abort();
      this.#turn = null;
    }
  }

  close(): void {
    this.#connection.close();
  }

  async #takeUp(sessionId: string, mcpServers: acp.McpServer[], can: acp.AgentCapabilities): Promise<boolean> {
    const { agent } = this.#connection;
    const request = { sessionId, cwd: this.#parts.cwd, mcpServers };
    try {
      const resumes = can.sessionCapabilities?.resume ?? null;
      if (resumes !== null) await agent.request(acp.methods.agent.session.resume, request);
      else if (can.loadSession === true) await agent.request(acp.methods.agent.session.load, request);
      else return false;
      return true;
    } catch (thrown) {
      // It does not have it any more.
      if (thrown instanceof acp.RequestError && thrown.code !== AUTH_REQUIRED) return false;
      throw thrown;
    }
  }

  /** Ends what is open of the turn, and asks the agent to end the rest. */
  #cancel(turn: Turn): void {
    turn.over.abort();
    // An agent that cannot be reached is gone.
    void this.#connection.agent.notify(acp.methods.agent.session.cancel, { sessionId: this.#session }).catch(() => {});
  }

  /** In the order in which it was written, before any answer behind it: past the library, which prints what it cannot read. */
  #update(params: unknown): void {
    const read = readUpdate(params);
    if (read.kind === 'unreadable') this.#parts.onUnreadable();
    const turn = this.#turn;
    if (read.kind !== 'shown' || turn === null || read.session !== this.#session) return;
    const shown = turn.updates.read(read.update);
    if (shown.kind === 'text' && turn.reply.length < MAX_REPLY_UNITS) turn.reply += shown.text;
    turn.prompt.emit(shown);
  }

  async #permission({ sessionId, toolCall, options }: acp.RequestPermissionRequest) {
    const turn = sessionId === this.#session ? this.#turn : null;
    const offered = options.map(({ optionId: id, name, kind }) => ({ id, name, kind }));
    const selected =
      turn === null
        ? null
        : await this.#parts.permissions.ask(turn.updates.question(toolCall, offered), {
            emit: turn.prompt.emit,
            signal: turn.over.signal,
          });
    return { outcome: selected === null ? ({ outcome: 'cancelled' } as const) : chosen(selected) };
  }

  /** The first prompt of a new session hands over what was said before. */
  #contentOf({ message, traceparent }: Prompt): PromptContent {
    const { launch, drawMark } = this.#parts;
    const earlier = this.#isNew ? launch.earlier : [];
    this.#isNew = false;
    return promptContent(message, { generation: launch.lastGeneration(), traceparent, earlier, drawMark });
  }

  #describe({ message, data }: acp.RequestError): string {
    const details = typeof data === 'object' && data !== null && 'details' in data ? data.details : undefined;
    return this.#parts.scrub(typeof details === 'string' ? `${message}: ${details}` : message);
  }
}

const chosen = (optionId: string) => ({ outcome: 'selected', optionId }) as const;

const STOPPED: Readonly<Record<Exclude<acp.StopReason, 'end_turn'>, string>> = {
  cancelled: 'The agent cancelled the turn',
  refusal: 'The agent refused to go on',
  max_tokens: 'The agent reached the limit of its tokens',
  max_turn_requests: 'The agent reached the limit of its requests in one turn',
};
