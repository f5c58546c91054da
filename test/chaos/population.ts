/** What people do in a run: they make towns and agents, write to them, and end them; and what they were answered. */
import { join } from 'node:path';
import { ApiClient } from '../../scripts/api-client.ts';
import { tokenCopier } from '../../scripts/token-copier.ts';
import { ApiError, Unreachable, createClient, everyItem, type Agent, type ReeveClient } from '../../client/index.ts';
import type { Ack, Cut, Sent, TownStory, Trouble } from './history.ts';
import type { Deed } from './schedule.ts';
import type { World } from './world.ts';

const WITNESS = join(import.meta.dirname, 'witness-agent.ts');
const NAMES = ['ada', 'bob', 'cyd', 'dan'];
const FIRST_AGENTS = 3;
const MAX_TOWNS = 3;

interface Inhabited {
  readonly id: string;
  readonly agents: { readonly id: string; readonly name: string; retired: boolean }[];
  /** As it was before it was deleted; null: it is there. */
  ended: TownStory | null;
}

export interface PopulationOptions {
  readonly world: World;
  /** Where agents write down what they see. */
  readonly witnessed: string;
}

export class Population {
  readonly sent: Sent[] = [];
  readonly cuts: Cut[] = [];
  /** What touches one agent's tokens on purpose. */
  readonly troubles: Trouble[] = [];
  readonly client: ReeveClient;
  readonly #options: PopulationOptions;
  readonly #api: ApiClient;
  readonly #towns: Inhabited[] = [];
  readonly #acks = new Map<string, Ack>();
  #drawn = 0;

  constructor(options: PopulationOptions) {
    this.#options = options;
    const { url, variables } = options.world;
    const token = variables['REEVE_DEV_TOKEN'] ?? '';
    this.client = createClient({ url, token });
    this.#api = new ApiClient(url, token);
  }

  /** Of each agent that the towns should have, and the town that it lives in. */
  get living(): { readonly town: string; readonly id: string }[] {
    return this.#there.flatMap(({ id: town, agents }) =>
      agents.filter(({ retired }) => !retired).map(({ id }) => ({ town, id })),
    );
  }

  get towns(): string[] {
    return this.#there.map(({ id }) => id);
  }

  get acks(): Ack[] {
    return [...this.#acks.values()];
  }

  get #there(): Inhabited[] {
    return this.#towns.filter(({ ended }) => ended === null);
  }

  /** Resolves whatever came of it: a deed that is refused, or does not reach the Worker, is none. */
  async carryOut(deed: Deed): Promise<void> {
    try {
      await this.#do(deed);
    } catch (thrown) {
      if (!isWeather(thrown)) throw thrown;
    }
  }

  async createTown(): Promise<void> {
    if (this.#there.length >= MAX_TOWNS) return;
    const { id } = await this.client.createTown({ name: 'chaos' });
    const town: Inhabited = { id, agents: [], ended: null };
    this.#towns.push(town);
    for (let nth = 0; nth < FIRST_AGENTS; nth += 1) await this.#createAgent(town);
  }

  /** Asks until it is gone, also where an earlier answer was lost. */
  async finishDeletions(): Promise<boolean> {
    const ended = this.#towns.filter((town) => town.ended !== null);
    const gone = await Promise.all(ended.map(({ id }) => this.client.deleteTown(id).then(isDeleted, isGone)));
    return gone.every(Boolean);
  }

  send(town: string, agent: string, content: string): Promise<void> {
    const at = Date.now();
    const key = `chaos-${(this.#drawn += 1)}`;
    return this.client.sendMessage(town, agent, content, { key }).then(({ id: message }) => {
      this.sent.push({ at, town, agent, message, content });
    });
  }

  /** When tokens were minted and confirmed. To be called more often than a town forgets them. */
  async readAcks(): Promise<void> {
    for (const { town, id } of this.living) {
      const { items } = await this.client.getCredential(town, id);
      for (const { generation, issued_at, acked_at } of items) {
        const at = Date.parse(issued_at);
        if (acked_at !== null) this.#acks.set(`${id} ${generation}`, { at, lagMs: Date.parse(acked_at) - at });
      }
    }
  }

  /** Of every town; those that are there are asked. */
  readStories(): Promise<TownStory[]> {
    return Promise.all(this.#towns.map(async (town) => town.ended ?? (await this.#readStory(town.id, false))));
  }

  async #do(deed: Deed): Promise<void> {
    if (deed.kind === 'create_town') return this.createTown();
    const town = this.#there[deed.pick % Math.max(1, this.#there.length)];
    if (town === undefined) return;
    if (deed.kind === 'delete_town') return this.#deleteTown(town);
    if (deed.kind === 'create_agent') return this.#createAgent(town);
    if (deed.kind === 'refresh_town') return void (await this.client.refreshTown(town.id));
    const living = town.agents.filter(({ retired }) => !retired);
    const agent = living[Math.floor(deed.pick / 7) % Math.max(1, living.length)];
    if (agent === undefined) return;
    if (deed.kind === 'send') return this.send(town.id, agent.id, deed.content);
    if (deed.kind === 'stop') await this.client.stopAgent(town.id, agent.id);
    else if (deed.kind === 'start') await this.client.startAgent(town.id, agent.id);
    else if (deed.kind === 'interrupt') await this.client.interruptAgent(town.id, agent.id);
    else if (deed.kind === 'refresh') await this.client.refreshAgent(town.id, agent.id);
    else if (deed.kind === 'refresh_cut') await this.#refreshAndCut(town.id, agent.id);
    else await this.#cut(deed.kind, town.id, agent);
  }

  async #createAgent({ id: town, agents }: Inhabited): Promise<void> {
    const name = NAMES.find((one) => !agents.some((agent) => agent.name === one && !agent.retired));
    if (name === undefined) return;
    const args = [WITNESS, this.#options.witnessed];
    const runtime = { command: process.execPath, args, credentials: 'file' as const };
    const { id } = await this.client.createAgent(town, { name, runtime });
    agents.push({ id, name, retired: false });
  }

  async #deleteTown(town: Inhabited): Promise<void> {
    if (this.#there.length === 1) return;
    town.ended = await this.#readStory(town.id, true);
    await this.client.deleteTown(town.id);
  }

  async #refreshAndCut(town: string, agent: string): Promise<void> {
    const from = Date.now();
    try {
      await this.client.refreshAgent(town, agent, { revoke_older: true });
    } finally {
      this.troubles.push({ from, to: Date.now(), kind: 'older tokens refused', agent });
    }
  }

  /** Before it a copy of the token is made, and tried afterwards. */
  async #cut(kind: Cut['kind'], town: string, agent: Inhabited['agents'][number]): Promise<void> {
    const before = await this.#api.readAgent(town, agent.id);
    const copy = await tokenCopier(this.#options.world.variables)(before);
    // From here on nobody may write to it, whether the answer arrives or not.
    if (kind === 'retire') agent.retired = true;
    if (kind === 'retire') await this.client.deleteAgent(town, agent.id);
    else await this.client.revokeAgent(town, agent.id);
    const cut = { at: Date.now(), kind, agent: agent.id, inc: before.incarnation };
    this.cuts.push({ ...cut, copy: await this.#api.heartbeat(copy).catch(() => null) });
  }

  async #readStory(town: string, deleted: boolean): Promise<TownStory> {
    const agents: Agent[] = await allItems((cursor) => this.client.listAgents(town, { cursor }));
    const messages = await Promise.all(
      agents.map(({ id }) => allItems((cursor) => this.client.listMessages(town, id, { cursor }))),
    );
    return { town, deleted, agents, messages: messages.flat(), events: await this.#api.readEvents(town) };
  }
}

/** Of all pages of a list. */
export async function allItems<T>(read: Parameters<typeof everyItem<T>>[0]): Promise<T[]> {
  const items: T[] = [];
  for await (const item of everyItem(read)) items.push(item);
  return items;
}

/** Refused, or not reached: both happen to people in such a weather. */
export const isWeather = (thrown: unknown): boolean =>
  thrown instanceof ApiError || thrown instanceof Unreachable || isUnanswered(thrown);

/** What a plain request throws where nobody answers, or what stands before the Worker does. */
const isUnanswered = (thrown: unknown): boolean =>
  thrown instanceof Error &&
  (['TypeError', 'TimeoutError', 'SyntaxError'].includes(thrown.name) ||
    /^(?:GET|POST) \S+: [45]\d\d /.test(thrown.message));

const isDeleted = ({ status }: { readonly status: string }): boolean => status === 'deleted';
const isGone = (thrown: unknown): boolean => thrown instanceof ApiError && thrown.status === 404;
