/** A town with one of everything that a route is about, and good requests of its owner and of an agent, for hostile ones to start from. */
import { AsAgent } from './as-agent.ts';
import { apiKeyOf } from './api-keys.ts';
import { GUEST, doorOf } from './doors.ts';
import { TestHook } from './hooks.ts';
import { AUDIENCE, EXCHANGE, exchangeForm } from './oauth-doors.ts';
import { askIn, sessionOf, ticketInto } from './scene.ts';
import { codeFor } from './sign-in-codes.ts';
import { TestTown, api } from './town.ts';
import { CONTAINER_SECRET, DEV_TOKEN } from './wiring.ts';

/** A good request of a route. */
export interface GoodRequest {
  readonly method: string;
  /** As the API describes it. */
  readonly template: string;
  /** What stands for each of its names. */
  readonly fill: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The credential that opens the route, or null: it is in no header. */
  readonly token: string | null;
  readonly form: 'json' | 'form';
  readonly body: object | null;
}

/** Routes after which an agent or a town is not what it was. */
const SPENDS = /^(?:DELETE|POST .*\/(?:stop|revoke|restored?|refresh|hello)$)/;

export class HostileWorld {
  readonly town: TestTown;
  readonly #fill: Readonly<Record<string, string>>;
  readonly #ada: AsAgent;

  private constructor(town: TestTown, fill: Readonly<Record<string, string>>) {
    this.town = town;
    this.#fill = fill;
    this.#ada = new AsAgent(town, 'ada');
  }

  /** The only town that its person has: hostile requests that are accepted make more, until a person may have no other. */
  static async create(): Promise<HostileWorld> {
    const { body } = await api<{ items: { id: string }[] }>('GET', '/v1/towns?limit=200');
    for (const { id } of body.items) await api('DELETE', `/v1/towns/${id}`);
    const town = await TestTown.create();
    await town.api('PATCH', '', { token_audiences: [AUDIENCE] });
    const { id: agent } = await town.agent('ada');
    const mate = await town.agent('mate');
    const { id: delegation } = await new AsAgent(town, 'mate').delegate('ada', 'work 3000');
    const { id: message } = await town.send('mate', 'hello');
    await town.until('mate', message, 'done');
    const permission = await askIn(town, agent, message);
    const { view: hook } = await TestHook.create(town, 'board', ['reeve.town.created']);
    await town.api('PUT', `/members/${encodeURIComponent(GUEST)}`, { role: 'viewer' });
    // That which answers at once: the other one is at work.
    const model = `reeve/${town.id}/${mate.id}`;
    const named = { delegation, message, permission, webhook: hook.id, key: (await apiKeyOf('dev')).id };
    const fill = { town: town.id, agent, model, subject: GUEST, container: town.containerName(), ...named };
    return new HostileWorld(town, fill);
  }

  /** Whether this world is another one after the route was tried. */
  isSpentBy(route: string): boolean {
    return SPENDS.test(route);
  }

  async good(route: string): Promise<GoodRequest> {
    const [method = '', template = ''] = route.split(' ');
    const { opensFor } = doorOf(route);
    const query: Readonly<Record<string, string>> =
      opensFor === 'ticket' ? { ticket: await ticketInto(this.town, 'dev') } : {};
    const isForm = template.startsWith('/v1/oauth/');
    return {
      method,
      template,
      fill: this.#fill,
      query,
      token: await this.#tokenFor(route),
      form: isForm ? 'form' : 'json',
      body: method === 'GET' ? null : await this.#bodyOf(route),
    };
  }

  /** The token of its agent `ada`, with every scope of a worker. */
  agentToken(): Promise<string> {
    return this.#ada.token();
  }

  async #tokenFor(route: string): Promise<string | null> {
    const { opensFor } = doorOf(route);
    if (opensFor === 'person') return DEV_TOKEN;
    if (opensFor === 'container') return CONTAINER_SECRET;
    if (opensFor === 'session') return sessionOf(this.town).secret;
    return opensFor === 'agent' && route !== EXCHANGE ? this.agentToken() : null;
  }

  async #bodyOf(route: string): Promise<object> {
    if (route === EXCHANGE) return exchangeForm(await this.agentToken());
    if (route.includes('/v1/oauth/')) return { token: 'none' };
    if (route.includes('/container/{container}/')) return { session: sessionOf(this.town).session, inc: 1, gen: 1 };
    if (route === 'POST /v1/sign-in') return { code: (await codeFor(60_000)).code };
    if (!route.includes('/openai/')) return doorOf(route).body ?? {};
    const said = [{ role: 'user', content: 'hello' }];
    return {
      model: this.#fill['model'],
      stream: true,
      ...(route.endsWith('/responses') ? { input: said } : { messages: said }),
    };
  }
}
