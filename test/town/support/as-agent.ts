/** What an agent says to the town, with a token of its own: the one that the town minted last, signed again. */
import { vi } from 'vitest';
import type { DelegationView, DelegationWithText, MailPage, Peers } from '../../../src/protocol/index.ts';
import { lab } from './lab.ts';
import { agentToken } from './deployment-tokens.ts';
import { api, type Answer, type TestTown } from './town.ts';

export type Code = { code?: string };

export class AsAgent {
  readonly #town: TestTown;
  readonly #name: string;
  #token = { text: '', atMs: 0 };

  constructor(town: TestTown, name: string) {
    this.#town = town;
    this.#name = name;
  }

  async call<T>(method: string, path: string, body?: object): Promise<Answer<T & Code>> {
    return api<T & Code>(method, `/v1/agent${path}`, body, await this.token());
  }

  /** Good for a minute: what is asked often is not asked twice. */
  async token(): Promise<string> {
    if (lab.clock.now() - this.#token.atMs < 60_000) return this.#token.text;
    const { id, incarnation, credential } = await vi.waitFor(async () => {
      const agent = await this.#town.read(this.#name);
      // Its start was cut by the deadline of the lab, which is in real time, on a busy machine: the alarm starts it again.
      if (agent.credential.minted === 0) await this.#town.elapse(20_000);
      if (agent.credential.minted === 0) throw new Error('it has no token yet');
      return agent;
    });
    const text = await agentToken({ town: this.#town.id, agent: id, inc: incarnation, gen: credential.minted });
    this.#token = { text, atMs: lab.clock.now() };
    return text;
  }

  async peers(): Promise<Peers['items']> {
    return (await this.call<Peers>('GET', '/peers')).body.items;
  }

  mail(to: string, text: string): Promise<Answer<{ id: string } & Code>> {
    return this.call('POST', '/mail', { to, text });
  }

  async read(query = ''): Promise<MailPage> {
    return (await this.call<MailPage>('GET', `/mail${query}`)).body;
  }

  /** A delegation that is accepted. */
  async delegate(to: string, task: string, more: object = {}): Promise<DelegationView> {
    const { status, body } = await this.order(to, task, more);
    if (status !== 201) throw new Error(`not delegated: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  order(to: string, task: string, more: object = {}): Promise<Answer<DelegationView & Code>> {
    return this.call('POST', '/delegations', { to, task, ...more });
  }

  async delegation(id: string): Promise<DelegationWithText> {
    return (await this.call<DelegationWithText>('GET', `/delegations/${id}`)).body;
  }

  finish(id: string, text: string, state = 'done'): Promise<Answer<DelegationView & Code>> {
    return this.call('POST', `/delegations/${id}/result`, { state, text });
  }
}

/** `401 agent_retired`, or the status alone. */
export const statusAndCode = ({ status, body }: Answer<Code>): string => `${status} ${body.code ?? ''}`.trim();
