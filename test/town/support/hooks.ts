/** Webhooks of a town under test: made as a person makes them, with receivers in the lab. */
import { Webhook } from 'standardwebhooks';
import type { EventView, WebhookView } from '../../../src/protocol/index.ts';
import { HANGS, lab, nextTurn, type Posted, type Receiver } from './lab.ts';
import type { TestTown } from './town.ts';

type WebhookWithSecret = WebhookView & { secret: string };

export const takes: Receiver = () => new Response(null, { status: 204 });
export const answersWith =
  (status: number, headers: Record<string, string> = {}): Receiver =>
  () =>
    new Response(null, { status, headers });

/** A receiver that answers like another, once it is told to. */
export function held(by: Receiver): { readonly receiver: Receiver; readonly answer: () => void } {
  const { world } = lab;
  const waiting = new AbortController();
  const receiver: Receiver = async (posted) => {
    while (!waiting.signal.aborted && lab.world === world) await nextTurn();
    const answer = await by(posted);
    if (answer === HANGS) throw new Error('one that is held answers');
    return answer;
  };
  return { receiver, answer: () => waiting.abort() };
}

/** A webhook of a town, and the program that listens at its address. */
export class TestHook {
  readonly town: TestTown;
  readonly view: WebhookView;
  secret: string;

  private constructor(town: TestTown, { secret, ...view }: WebhookWithSecret) {
    this.town = town;
    this.view = view;
    this.secret = secret;
  }

  static async create(
    town: TestTown,
    name = 'board',
    events: readonly string[] = ['reeve.agent.created'],
    receiver = takes,
  ): Promise<TestHook> {
    const url = `https://${name}.example.com/reeve`;
    lab.receivers.set(url, receiver);
    const { status, body } = await town.api<WebhookWithSecret>('POST', '/webhooks', { url, events });
    if (status !== 201) throw new Error(`no webhook: ${status} ${JSON.stringify(body)}`);
    return new TestHook(town, body);
  }

  set receiver(receiver: Receiver) {
    lab.receivers.set(this.view.url, receiver);
  }

  /** What it was posted, oldest first. */
  get posts(): Posted[] {
    return lab.posts.filter(({ url }) => url === this.view.url);
  }

  /** The events that it was posted, each verified as a receiver verifies it. */
  get events(): EventView[] {
    return this.posts.map((post) => this.verified(post));
  }

  /** The names of the agents that it was told of, in the order in which it was. */
  get names(): string[] {
    return this.events.map(({ data }) => ('name' in data ? data.name : ''));
  }

  /** Throws where the signature is not that of its secret. The library reads the time of this machine, so the time is looked at here. */
  verified({ headers, body }: Posted): EventView {
    const at = new Date(Number(headers['webhook-timestamp']) * 1000);
    if (Math.abs(at.getTime() - lab.clock.now()) > 7 * 86_400_000) throw new Error('a time of another week');
    const signed = new Webhook(this.secret).sign(headers['webhook-id'] ?? '', at, body);
    if (!(headers['webhook-signature'] ?? '').split(' ').includes(signed))
      throw new Error('not signed with its secret');
    return JSON.parse(body) as EventView;
  }

  async read(): Promise<WebhookView> {
    return (await this.town.api<WebhookView>('GET', `/webhooks/${this.view.id}`)).body;
  }

  async change(change: object): Promise<WebhookView> {
    return (await this.town.api<WebhookView>('PATCH', `/webhooks/${this.view.id}`, change)).body;
  }
}
