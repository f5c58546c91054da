/** What a test says to a town: through the public API, as a person would, and into the object where only that shows it. */
import { SELF, env, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { vi } from 'vitest';
import type { AgentView, ContainerName, MessageView, TownId, TownView } from '../../../src/protocol/index.ts';
import { nextSweepAt } from '../../../src/tokens/refresh-policy.ts';
import { Refusals, checkShape } from './answers.ts';
import { lab, type LabContainer } from './lab.ts';
import { weather } from './weather.ts';
import { DEV_TOKEN, PUBLIC_URL } from './wiring.ts';
import { PATIENT } from '../../support/patient.ts';

const HOUR_MS = 3_600_000;
/** Turns of the event loop after which nothing new begins of what a call has left under way. */
const QUIET_TURNS = 3;
/** Turns after which what is still under way hangs, or is held by the test. */
const MOST_TURNS = 80;
/** More than half an interval, so that the first sweep renews what was minted before, and less than a whole one. */
const FIRST_SWEEP_MS = 50 * 60_000;

let driving = false;

/** Starts the lab in the context of the test file. */
export function startLab(): void {
  if (driving) return;
  driving = true;
  lab.worker = (url, init) => SELF.fetch(url, init);
  void lab.drive();
}

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

let declared: Promise<Refusals> | null = null;
/** Read once for each test file. */
function refusals(): Promise<Refusals> {
  declared ??= SELF.fetch(`${PUBLIC_URL}/openapi.json`).then(async (response) => new Refusals(await response.json()));
  return declared;
}

const codeOf = (answer: unknown): string =>
  typeof answer === 'object' && answer !== null && 'code' in answer ? String(answer.code) : 'no problem document';

/** Calls the public API as the person; `T` is what the test knows the route to answer. What is answered is what the protocol declares. */
export async function api<T>(
  method: string,
  path: string,
  body?: unknown,
  bearer = DEV_TOKEN,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer<T>> {
  const response = await SELF.fetch(`${PUBLIC_URL}${path}`, {
    method,
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  if (response.ok) checkShape(method, path, answer);
  else (await refusals()).check(method, path, response.status, codeOf(answer));
  return { status: response.status, headers: response.headers, body: answer as T };
}

/** The same with a form, as the OAuth routes take it; without a bearer none is shown. */
export async function postForm<T>(
  path: string,
  form: Readonly<Record<string, string>>,
  bearer: string | null,
): Promise<Answer<T>> {
  const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  const response = await SELF.fetch(`${PUBLIC_URL}${path}`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  });
  const answer = await response.json();
  if (response.ok) checkShape('POST', path, answer);
  return { status: response.status, headers: response.headers, body: answer as T };
}

export class TestTown {
  readonly id: TownId;

  constructor(id: TownId) {
    this.id = id;
  }

  /** The first town of a test has its first sweep so far ahead, whatever its id: the clock is turned until it has. */
  static async create(): Promise<TestTown> {
    const town = await TestTown.createNow();
    if (lab.isEmpty) {
      const wantedAt = lab.clock.now() + FIRST_SWEEP_MS;
      const aheadMs = nextSweepAt(town.id, HOUR_MS, wantedAt) - wantedAt;
      // Whole seconds, so that a test which counts in them has no fraction from here.
      lab.clock.advance(aheadMs - (aheadMs % 1000));
    }
    return town;
  }

  /** The clock stands still: its sweep comes when its id says, which is within the hour. */
  static async createNow(): Promise<TestTown> {
    startLab();
    const { body } = await api<TownView>('POST', '/v1/towns', { name: 'test' });
    return new TestTown(body.id);
  }

  get stub(): DurableObjectStub {
    return env.TOWN.getByName(this.id);
  }

  container(index = 0): LabContainer {
    return lab.container(this.containerName(index));
  }

  containerName(index = 0): ContainerName {
    return `${this.id}:${index}`;
  }

  api<T>(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer<T>> {
    return api<T>(method, `/v1/towns/${this.id}${path}`, body, DEV_TOKEN, headers);
  }

  async agent(name: string, more: object = {}): Promise<AgentView> {
    const { status, body } = await this.api<AgentView>('POST', '/agents', { name, ...more });
    if (status !== 201) throw new Error(`no agent: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async read(agent: string): Promise<AgentView> {
    return (await this.api<AgentView>('GET', `/agents/${agent}`)).body;
  }

  async send(agent: string, content: string): Promise<MessageView> {
    const { status, body } = await this.api<MessageView>('POST', `/agents/${agent}/messages`, { content });
    if (status !== 202) throw new Error(`not accepted: ${status} ${JSON.stringify(body)}`);
    return body;
  }

  async message(agent: string, id: string): Promise<MessageView> {
    return (await this.api<MessageView>('GET', `/agents/${agent}/messages/${id}`)).body;
  }

  /** Waits, in real milliseconds, until a message is in a state; moves the clock a little so that reporters flush. */
  async until(agent: string, id: string, state: string): Promise<MessageView> {
    return vi.waitFor(async () => {
      lab.clock.advance(300);
      const message = await this.message(agent, id);
      if (message.state !== state) throw new Error(`${id} is ${message.state}, not ${state}`);
      return message;
    }, PATIENT);
  }

  /** Starts a long turn and waits until the agent is in it, so that sweeps find it at work. */
  async work(agent: string, seconds = 3000): Promise<MessageView> {
    const { id } = await this.send(agent, `work ${seconds}`);
    return this.until(agent, id, 'working');
  }

  /** When the alarm is set to ring, in ms, or null. */
  alarmAt(): Promise<number | null> {
    return runInDurableObject(this.stub, (_, state) => state.storage.getAlarm());
  }

  /** What was sent has come to its end, unless it hangs: an alarm that rings before finds a delivery that is under way due. */
  async settled(): Promise<void> {
    for (let turn = 0, quiet = 0; turn < MOST_TURNS && quiet < QUIET_TURNS; turn += 1) {
      await lab.turn();
      quiet = weather.busy ? 0 : quiet + 1;
    }
  }

  /** Turns the clock to the alarm and lets it ring. */
  async ring(): Promise<void> {
    await this.settled();
    const at = await this.alarmAt();
    if (at === null) throw new Error('no alarm is set');
    await this.#ringAt(at);
  }

  async #ringAt(at: number): Promise<void> {
    lab.clock.advance(Math.max(0, at - lab.clock.now()));
    await runDurableObjectAlarm(this.stub);
  }

  /** Rings whatever alarms fall due within `ms`. */
  async elapse(ms: number): Promise<void> {
    const until = lab.clock.now() + ms;
    for (;;) {
      await this.settled();
      const at = await this.alarmAt();
      if (at === null || at > until) break;
      await this.#ringAt(at);
    }
    lab.clock.advance(until - lab.clock.now());
  }

  events(): Promise<{ type: string; subject: string; data: Record<string, unknown> }[]> {
    return this.api<{ items: { type: string; subject: string; data: Record<string, unknown> }[] }>(
      'GET',
      '/events?limit=200',
    ).then(({ body }) => body.items);
  }
}
