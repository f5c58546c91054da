/** The few calls of the public API that the demo and the end-to-end tests make, as a person would with curl. */
import { z } from 'zod';
import {
  agentSchema,
  eventPageSchema,
  messageSchema,
  pageOf,
  signInLinkSchema,
  streamTicketSchema,
  sweepReportSchema,
  townSchema,
  type AgentView,
  type EventView,
  type MessageView,
  type SignInLinkView,
  type SweepReportView,
  type TownView,
} from '#protocol';

/** Events that tell of the life of an agent. */
const LIFE = ['reeve.agent.gone', 'reeve.agent.starting', 'reeve.agent.started'];
/** Items of a page at most. */
const PAGE = 200;
const CALL_TIMEOUT_MS = 15_000;
const POLL_MS = 100;

export class ApiClient {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** A link that signs a browser in at the console, once, as the person of the token. */
  createSignInLink(): Promise<SignInLinkView> {
    return this.#json('POST', '/v1/sign-in/links', signInLinkSchema, {});
  }

  async createTown(name: string): Promise<string> {
    return (await this.#json('POST', '/v1/towns', townSchema, { name })).id;
  }

  readTown(town: string): Promise<TownView> {
    return this.#json('GET', `/v1/towns/${town}`, townSchema);
  }

  /** Refreshes every agent now. */
  refreshTown(town: string): Promise<SweepReportView> {
    return this.#json('POST', `/v1/towns/${town}/refresh`, sweepReportSchema, {});
  }

  /** For which audiences agents may exchange their tokens, all at once. */
  allowAudiences(town: string, audiences: readonly string[]): Promise<TownView> {
    return this.#json('PATCH', `/v1/towns/${town}`, townSchema, { token_audiences: audiences });
  }

  /** `more`: what the order says beside the name. */
  createAgent(town: string, name: string, more: object = {}): Promise<AgentView> {
    return this.#json('POST', `/v1/towns/${town}/agents`, agentSchema, { name, ...more });
  }

  readAgent(town: string, agent: string): Promise<AgentView> {
    return this.#json('GET', `/v1/towns/${town}/agents/${agent}`, agentSchema);
  }

  /** Returns the id of the accepted message. The same key again is the same message, so who was not answered asks again. */
  async send(town: string, agent: string, content: string, key?: string): Promise<string> {
    const headers = key === undefined ? {} : { 'idempotency-key': `"${key}"` };
    const path = `/v1/towns/${town}/agents/${agent}/messages`;
    return (await this.#json('POST', path, messageSchema, { content }, headers)).id;
  }

  /** Oldest first, at most 200. */
  async readMessages(town: string, agent: string): Promise<MessageView[]> {
    const path = `/v1/towns/${town}/agents/${agent}/messages?limit=${PAGE}`;
    return (await this.#json('GET', path, pageOf(messageSchema))).items;
  }

  /** Everything that happened so far, in order. */
  async readEvents(town: string): Promise<EventView[]> {
    const all: EventView[] = [];
    for (;;) {
      const after = all.at(-1)?.seq ?? 0;
      const { items } = await this.#json(
        'GET',
        `/v1/towns/${town}/events?after=${after}&limit=${PAGE}`,
        eventPageSchema,
      );
      all.push(...items);
      if (items.length < PAGE) return all;
    }
  }

  /** What became of a message and of its agent, in order: types of events, such as `turn.started`. Deliveries are left out. */
  async readStory(town: string, agent: string, message: string): Promise<string[]> {
    const own = (await this.readEvents(town)).filter(({ subject }) => subject === agent);
    const story = own.filter(({ type, data }) => LIFE.includes(type) || JSON.stringify(data).includes(message));
    return story.map(({ type }) => type.replace('reeve.', '')).filter((type) => type !== 'message.delivered');
  }

  readMessage(town: string, agent: string, message: string): Promise<MessageView> {
    return this.#json('GET', `/v1/towns/${town}/agents/${agent}/messages/${message}`, messageSchema);
  }

  /** Forces a refresh of one agent. */
  async refresh(town: string, agent: string): Promise<void> {
    await this.#json('POST', `/v1/towns/${town}/agents/${agent}/refresh`, sweepReportSchema, {});
  }

  /** A ticket for the stream; null: this town is none of ours, or the credential is over. */
  async ticket(town: string): Promise<string | null> {
    const response = await this.#call('POST', `/v1/towns/${town}/tickets`);
    const text = await response.text();
    if (response.status === 401 || response.status === 404) return null;
    if (!response.ok) throw new Error(`POST tickets: ${response.status}`);
    return streamTicketSchema.parse(JSON.parse(text)).ticket;
  }

  /** `seq` of the newest event. */
  async head(town: string): Promise<number> {
    for (let after = 0; ;) {
      const { items, next } = await this.#json(
        'GET',
        `/v1/towns/${town}/events?limit=200&after=${after}`,
        eventPageSchema,
      );
      after = items.at(-1)?.seq ?? after;
      if (next === null) return after;
    }
  }

  /** Status of the teardown: 200 or 202. */
  async deleteAgent(town: string, agent: string): Promise<number> {
    return (await this.#call('DELETE', `/v1/towns/${town}/agents/${agent}`)).status;
  }

  /** Status of the deletion of a town: 200, or 202 where a container has yet to confirm. */
  async deleteTown(town: string): Promise<number> {
    return (await this.#call('DELETE', `/v1/towns/${town}`)).status;
  }

  /** Calls as an agent. `code` is empty where the call was accepted. */
  async heartbeat(token: string): Promise<{ status: number; code: string }> {
    const body = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 0, last_progress_at: null };
    const response = await this.#call('POST', '/v1/agent/heartbeat', body, token);
    const answer = z.object({ code: z.string().default('') }).parse(await response.json());
    return { status: response.status, code: answer.code };
  }

  /** Waits until a message is in a state; rejects after `seconds`, or where it ended otherwise. */
  until(town: string, agent: string, message: string, state: string, seconds: number): Promise<MessageView> {
    return this.eventually(seconds, `message ${message} being ${state}`, async () => {
      const found = await this.readMessage(town, agent, message);
      return found.state === state ? found : null;
    });
  }

  /** Asks again until there is an answer; rejects after `seconds`. */
  async eventually<T>(seconds: number, what: string, ask: () => Promise<T | null>): Promise<T> {
    const until = Date.now() + seconds * 1000;
    while (Date.now() < until) {
      const answer = await ask();
      if (answer !== null) return answer;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    throw new Error(`${what} did not happen within ${seconds} s`);
  }

  async #json<T>(
    method: string,
    path: string,
    schema: z.ZodType<T>,
    body?: object,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const response = await this.#call(method, path, body, this.#token, headers);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return schema.parse(JSON.parse(text));
  }

  #call(
    method: string,
    path: string,
    body?: object,
    token = this.#token,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    return fetch(`${this.#url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}
