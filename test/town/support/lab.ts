/**
 * The world around the towns under test, in one isolate with them: a clock that is turned by hand, and containers in which the
 * real control server runs. A container may sleep, crash, hang or refuse; the town reaches it only through its real link.
 *
 * Control servers run in the context of the test, as processes of their own would, so that the death of a Durable Object takes
 * nothing of a container with it. A promise that is settled in one context goes on in that context, whatever waits for it;
 * therefore requests and answers cross over as plain data, and either side looks for them by timers of its own.
 */
import { inProcessSpawn } from '../../support/in-process-agent.ts';
import { createControlServer, type ControlServer } from '../../../container/control-server.ts';
import { Registry } from '../../../container/clients/registry.ts';
import {
  MAX_FINISHED_BYTES,
  MAX_LEDGER_BYTES,
  MAX_RETIRED_AGENTS,
  type ContainerName,
} from '../../../src/protocol/index.ts';
import type { ContainerBackend } from '../../../src/link/container-link.ts';
import type { Secret } from '../../../src/lib/secret.ts';
import { LabClock } from './lab-clock.ts';
import { subjectOf } from './claims.ts';

/** One request as it crossed from a town to a container. */
export interface LabRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface LabAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** What a fault of the network says of a request that is never answered: the caller's deadline ends it. */
export const HANGS = Symbol('hangs');
type Hanging = typeof HANGS;

/** What was posted to a webhook. */
export interface Posted {
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** Answers a post, or never does. */
export type Receiver = (posted: Posted) => Response | Hanging | Promise<Response>;

interface Job {
  readonly container: LabContainer;
  readonly request: LabRequest;
  answer: LabAnswer | { readonly failed: string } | Hanging | null;
}

/**
 * A request that hangs is cut after so many turns in which nothing else was under way: later than all that can go on without it,
 * however slow the machine is, and sooner than a deadline in real time.
 */
const TURNS_TO_DEADLINE = 150;

/** A turn of the event loop, in the context of the code that waits for it. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

export interface LabLine {
  readonly of: 'worker' | 'container';
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** One turn that an agent began, as its process saw it. */
export interface LabTurn {
  readonly agent: string;
  readonly inc: number;
  readonly message: string;
}

export type LabFetch = (url: string, init: RequestInit) => Promise<Response>;

const FEW_AGENTS = 4;
const OWN_ADDRESSES = Number.POSITIVE_INFINITY;
const RARE_HEARTBEAT_MS = 3_600_000;

export class Lab {
  readonly clock = new LabClock();
  readonly #containers = new Map<string, LabContainer>();
  readonly #underWay = new Set<Promise<unknown>>();
  #jobs: Job[] = [];
  /** Calls of agents into the Worker; the test file sets it to the Worker under test. */
  worker: LabFetch = () => Promise.reject(new Error('the lab has no Worker yet'));
  /** Agents whose calls are lost on their way, by id: the rest of their container is not. */
  readonly silent = new Set<string>();
  /** Every agent call, newest last: path and the bearer that it carried. */
  readonly agentCalls: { path: string; bearer: string; status: number }[] = [];
  /** What the log of the Worker, and of every control server, says of this test. */
  readonly lines: LabLine[] = [];
  /** Every turn that was begun in any container. */
  readonly turns: LabTurn[] = [];
  /**
   * Real milliseconds: the deadline of a request. Far longer than any takes, so that a busy machine cuts none: what is to be cut
   * says `HANGS`. Read when an AgentContainer comes up.
   */
  pushTimeoutMs = 20_000;
  /** Each container is a machine of its own; a test may let them share addresses. Read when a Town comes up. */
  containerAddresses = OWN_ADDRESSES;
  /** Number of the world that a test has; each end begins another. */
  world = 0;
  /** Few, so that a town of a test has several containers. Read when a Town comes up. */
  agentsPerContainer = FEW_AGENTS;
  /**
   * How often towns expect a heartbeat; containers send them more often. Read when a Town comes up. Long, so that a test which turns
   * the clock by hours pays for no looks at agents that it does not ask about; those that do set it to what it is in production.
   */
  heartbeatMs = RARE_HEARTBEAT_MS;
  /** None, so that each step is seen by itself, and no test turns the clock to see it. Read when a Town comes up. */
  restPerReaderMs = 0;
  /** Secrets of the deployment that agents may be given. Read with each start. */
  readonly secrets = new Map<string, Secret>();
  /** How many retired agents towns keep. Read when a Town comes up. */
  retiredAgents = MAX_RETIRED_AGENTS;
  /** What towns keep of finished messages, in bytes. Read when a Town comes up. */
  finishedBytes = MAX_FINISHED_BYTES;
  /** The same of mail and delegations. */
  ledgerBytes = MAX_LEDGER_BYTES;
  /** What the secrets of webhooks are made of. Read with each deployment. */
  webhookKeys = 'a-key-for-the-secrets-of-webhooks-in-tests';
  /** Receivers of webhooks, by their addresses; where none is, nothing listens. */
  readonly receivers = new Map<string, Receiver>();
  /** Every point of a sweep, in order. */
  readonly sweeps: { readonly town: string; readonly sweep: object }[] = [];
  /** Everything that was posted, in order. */
  readonly posts: Posted[] = [];
  /** Of one person; in the time of the lab, which stands still while a test does a lot. */
  writesPerMinute = Infinity;
  readonly #serving = new Set<Promise<unknown>>();
  #turn: Promise<void> | null = null;

  /** A log whose lines are kept. */
  logOf(of: LabLine['of']) {
    const keep = (event: string, fields: LabLine['fields'] = {}): void => void this.lines.push({ of, event, fields });
    return { info: keep, warn: keep, error: keep };
  }

  /** Requests and calls that are under way. */
  get busy(): number {
    return this.#serving.size + this.#underWay.size;
  }

  /** But for what hangs, nothing is under way. */
  get #isIdle(): boolean {
    return this.busy === 0 && this.#jobs.length === 0;
  }

  /** No town of this test has been given a container yet. */
  get isEmpty(): boolean {
    return this.#containers.size === 0;
  }

  container(name: ContainerName): LabContainer {
    const known = this.#containers.get(name);
    if (known !== undefined) return known;
    const made = new LabContainer(this, name);
    this.#containers.set(name, made);
    return made;
  }

  /** Hands a request over to the test's context, and waits for what comes of it. Called in the context of a Durable Object. */
  async submit(container: LabContainer, request: LabRequest, signal: AbortSignal | null): Promise<LabAnswer> {
    const job: Job = { container, request, answer: null };
    const { world } = this;
    this.#jobs.push(job);
    for (let idle = 0; job.answer === null || job.answer === HANGS; idle = this.#isIdle ? idle + 1 : 0) {
      const isCut = job.answer === HANGS && idle > TURNS_TO_DEADLINE;
      // Nothing answers in a world that is over.
      if (isCut || signal?.aborted === true || this.world !== world)
        throw new DOMException('timed out', 'TimeoutError');
      await nextTurn();
    }
    if ('failed' in job.answer) throw new TypeError(job.answer.failed);
    return job.answer;
  }

  /** A post to a webhook. Called in the context of a Durable Object, which the receiver answers in. */
  async receive(url: string, init: RequestInit): Promise<Response> {
    const headers = Object.fromEntries(new Headers(init.headers).entries());
    const posted = { url, headers, body: typeof init.body === 'string' ? init.body : '' };
    const receiver = this.receivers.get(url);
    if (receiver === undefined) throw new TypeError('nothing listens');
    this.posts.push(posted);
    const answer = receiver(posted);
    if (answer !== HANGS) return answer;
    const { world } = this;
    for (let idle = 0; idle <= TURNS_TO_DEADLINE && this.world === world; idle = this.#isIdle ? idle + 1 : 0) {
      await nextTurn();
    }
    throw new DOMException('timed out', 'TimeoutError');
  }

  /** A turn of the event loop of the test's context, which all of it share: each timer of the platform takes a millisecond. */
  turn(): Promise<void> {
    return (this.#turn ??= nextTurn().then(() => {
      this.#turn = null;
    }));
  }

  /** Ends the world of one test: no process lives on, no timer runs, and no call is under way. */
  async end(): Promise<void> {
    this.world += 1;
    this.clock.stopTimers();
    this.silent.clear();
    this.secrets.clear();
    this.containerAddresses = OWN_ADDRESSES;
    this.agentsPerContainer = FEW_AGENTS;
    this.heartbeatMs = RARE_HEARTBEAT_MS;
    this.restPerReaderMs = 0;
    this.retiredAgents = MAX_RETIRED_AGENTS;
    this.finishedBytes = MAX_FINISHED_BYTES;
    this.ledgerBytes = MAX_LEDGER_BYTES;
    this.receivers.clear();
    this.posts.length = 0;
    this.lines.length = 0;
    this.writesPerMinute = Infinity;
    for (const container of this.#containers.values()) container.end();
    this.#containers.clear();
    this.#serving.clear();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** A call of an agent into the Worker. */
  async call(url: string, init: RequestInit): Promise<Response> {
    const bearer = new Headers(init.headers).get('authorization')?.replace('Bearer ', '') ?? '';
    const speaker = bearer.includes('.') ? subjectOf(bearer) : url;
    if ([...this.silent].some((agent) => speaker.includes(agent))) throw new TypeError('the connection was reset');
    // With its body: the call is over when all of the answer is here.
    const call = this.worker(url, init).then(async (answer) => new Response(await answer.text(), answer));
    this.#underWay.add(call);
    try {
      const response = await call;
      this.agentCalls.push({ path: new URL(url).pathname, bearer, status: response.status });
      return response;
    } finally {
      this.#underWay.delete(call);
    }
  }

  /** Serves requests until the test file ends. Call once per file, in the context of the test. */
  async drive(): Promise<never> {
    for (;;) {
      await this.turn();
      const jobs = this.#jobs;
      this.#jobs = [];
      for (const job of jobs) {
        const served = this.#serve(job).finally(() => this.#serving.delete(served));
        this.#serving.add(served);
      }
    }
  }

  async #serve(job: Job): Promise<void> {
    try {
      job.answer = await job.container.serve(job.request);
    } catch (thrown) {
      job.answer = { failed: String(thrown) };
    }
  }
}

/** One container: a control server that can be started anew, and a network in front of it. */
export class LabContainer {
  readonly name: ContainerName;
  readonly #lab: Lab;
  #server: ControlServer;
  running = true;
  /** Faults of the network: each request passes here before and after the control server. */
  before: (request: LabRequest) => Promise<LabAnswer | null> | LabAnswer | Hanging | null = () => null;
  after: (request: LabRequest, answer: LabAnswer) => LabAnswer | Hanging | Promise<LabAnswer> = (_, answer) => answer;
  /** The network itself, on the way to it and on the way from it to the town: a fault of these is one of the sender's. */
  network: (request: LabRequest, send: () => Promise<LabAnswer>) => Promise<LabAnswer> = (_, send) => send();
  outgoing: (path: string, send: () => Promise<Response>) => Promise<Response> = (_, send) => send();
  /** Live agents of the run, whatever their session. */
  registry = new Registry();
  /** Every request that reached the network in front of it. */
  readonly requests: LabRequest[] = [];
  wakes = 0;
  /** Process id of the run, as its agents report it. */
  pid = 1000;

  constructor(lab: Lab, name: ContainerName) {
    this.#lab = lab;
    this.name = name;
    this.#server = this.#boot();
  }

  get boot(): string {
    return this.#server.boot;
  }

  /** The process died and another one runs: nothing of the old one is left, not even an orderly end. */
  restart(): void {
    this.pid += 1;
    this.#server = this.#boot();
  }

  /** The platform put it to sleep, or lost it: disk and memory are gone. */
  sleep(): void {
    this.running = false;
    this.restart();
  }

  /** SIGTERM: its turns have so long to come to their ends; then it ends in order, and the container with it. */
  async terminate(withinMs: number): Promise<void> {
    const server = this.#server;
    await server.drain(withinMs);
    await server.shutdown();
    this.sleep();
  }

  /** The process is gone for good: its timers and calls lead nowhere. */
  end(): void {
    this.running = false;
    this.pid += 1;
  }

  /** From now on this name is served by the process of another container, as in development. */
  joinProcessOf(other: LabContainer): void {
    this.#server = other.#server;
  }

  backend(): ContainerBackend {
    return {
      running: () => this.running,
      wake: () => {
        this.wakes += 1;
        this.running = true;
      },
      fetch: async (path, init) => {
        const headers = Object.fromEntries(new Headers(init.headers).entries());
        const body = typeof init.body === 'string' ? init.body : '';
        const request = { method: init.method ?? 'GET', path, headers, body };
        const answer = await this.network(request, () => this.#lab.submit(this, request, init.signal ?? null));
        return new Response(answer.body, { status: answer.status, headers: answer.headers });
      },
    };
  }

  async serve(request: LabRequest): Promise<LabAnswer | Hanging> {
    this.requests.push(request);
    const refused = await this.before(request);
    if (refused !== null) return refused;
    return this.after(request, await this.ask(request));
  }

  /** Asks the control server itself, past the network and its records. */
  async ask({ method, path, headers, body }: LabRequest): Promise<LabAnswer> {
    const init = { method, headers, ...(body === '' ? {} : { body }) };
    const response = await this.#server.app.fetch(new Request(`http://container.test${path}`, init));
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers.entries()),
      body: await response.text(),
    };
  }

  #boot(): ControlServer {
    const pid = this.pid;
    const clock = this.#lab.clock.forContainer();
    const spawn = inProcessSpawn(clock, pid);
    this.registry = new Registry();
    return createControlServer({
      config: { apiUrl: 'https://reeve.test', issuer: 'https://reeve.test', jwks: { keys: [] }, containerSecret: null },
      clock,
      fetch: (url, init) => this.#call(pid, url, init),
      log: this.#lab.logOf('container'),
      spawn: async (launch) => {
        const agent = await spawn(launch);
        const prompt = agent.prompt.bind(agent);
        agent.prompt = (turn) => {
          this.#lab.turns.push({ agent: launch.agent, inc: launch.inc, message: turn.message.message });
          return prompt(turn);
        };
        return agent;
      },
      registry: this.registry,
    });
  }

  async #call(pid: number, url: string, init: RequestInit): Promise<Response> {
    // A process that died says nothing more, and a container that sleeps has no network.
    if (pid !== this.pid || !this.running) throw new TypeError('the process is gone');
    return this.outgoing(new URL(url).pathname, () => this.#lab.call(url, init));
  }
}

export const lab = new Lab();
