/**
 * The world around the towns under test, in one isolate with them: a clock that is turned by hand, and containers in which the
 * real control server runs. A container may sleep, crash, hang or refuse; the town reaches it only through its real link.
 *
 * Control servers run in the context of the test, as processes of their own would: requests cross over as plain data, so that
 * evicting a Durable Object takes nothing of a container with it.
 */
import { createControlServer, type ControlServer } from '../../../container/control-server.ts';
import { Registry } from '../../../container/clients/registry.ts';
import type { ContainerName } from '../../../src/protocol/index.ts';
import type { ContainerBackend } from '../../../src/link/container-link.ts';
import { LabClock } from './lab-clock.ts';

/** One request as it crossed from a town to a container. */
export interface LabRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface LabAnswer {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

interface Job {
  readonly container: LabContainer;
  readonly request: LabRequest;
  readonly done: (answer: LabAnswer) => void;
  readonly failed: (error: Error) => void;
}

export type LabFetch = (url: string, init: RequestInit) => Promise<Response>;

export class Lab {
  readonly clock = new LabClock();
  readonly #containers = new Map<string, LabContainer>();
  readonly #underWay = new Set<Promise<unknown>>();
  #jobs: Job[] = [];
  #wake: () => void = () => undefined;
  /** Calls of agents into the Worker; the test file sets it to the Worker under test. */
  worker: LabFetch = () => Promise.reject(new Error('the lab has no Worker yet'));
  /** Every agent call, newest last: path and the bearer that it carried. */
  readonly agentCalls: { path: string; bearer: string; status: number }[] = [];

  container(name: ContainerName): LabContainer {
    const known = this.#containers.get(name);
    if (known !== undefined) return known;
    const made = new LabContainer(this, name);
    this.#containers.set(name, made);
    return made;
  }

  /** Hands a request over to the test's context. Called in the context of a Durable Object. */
  submit(container: LabContainer, request: LabRequest): Promise<LabAnswer> {
    return new Promise((done, failed) => {
      this.#jobs.push({ container, request, done, failed });
      this.#wake();
    });
  }

  /** Ends the world of one test: no process lives on, no timer runs, and no call is under way. */
  async end(): Promise<void> {
    this.clock.stopTimers();
    for (const container of this.#containers.values()) container.end();
    this.#containers.clear();
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /** A call of an agent into the Worker. */
  async call(url: string, init: RequestInit): Promise<Response> {
    const call = this.worker(url, init);
    this.#underWay.add(call);
    try {
      const response = await call;
      const bearer = new Headers(init.headers).get('authorization')?.replace('Bearer ', '') ?? '';
      this.agentCalls.push({ path: new URL(url).pathname, bearer, status: response.status });
      return response;
    } finally {
      this.#underWay.delete(call);
    }
  }

  /** Serves requests until the test file ends. Call once per file, in the context of the test. */
  async drive(): Promise<never> {
    for (;;) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#jobs.length > 0) resolve();
      });
      const jobs = this.#jobs;
      this.#jobs = [];
      for (const { container, request, done, failed } of jobs) container.serve(request).then(done, failed);
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
  before: (request: LabRequest) => Promise<LabAnswer | null> | LabAnswer | null = () => null;
  after: (request: LabRequest, answer: LabAnswer) => LabAnswer | Promise<LabAnswer> = (_, answer) => answer;
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
        const aborted = new Promise<never>((_, reject) => {
          init.signal?.addEventListener('abort', () => reject(new DOMException('timed out', 'TimeoutError')));
        });
        const request = { method: init.method ?? 'GET', path, headers, body };
        const answer = await Promise.race([this.#lab.submit(this, request), aborted]);
        return new Response(answer.body, { status: answer.status, headers: answer.headers });
      },
    };
  }

  async serve(request: LabRequest): Promise<LabAnswer> {
    this.requests.push(request);
    const refused = await this.before(request);
    if (refused !== null) return refused;
    const { method, headers, body } = request;
    const init = { method, headers, ...(body === '' ? {} : { body }) };
    const response = await this.#server.app.fetch(new Request(`http://container.test${request.path}`, init));
    const answer = {
      status: response.status,
      headers: Object.fromEntries(response.headers.entries()),
      body: await response.text(),
    };
    return this.after(request, answer);
  }

  #boot(): ControlServer {
    const pid = this.pid;
    return createControlServer({
      config: { apiUrl: 'https://reeve.test', issuer: 'https://reeve.test', jwks: { keys: [] }, containerSecret: null },
      clock: this.#lab.clock.forContainer(),
      fetch: (url, init) => this.#call(pid, url, init),
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      processId: pid,
      registry: new Registry(),
    });
  }

  async #call(pid: number, url: string, init: RequestInit): Promise<Response> {
    // A process that died says nothing more, and a container that sleeps has no network.
    if (pid !== this.pid || !this.running) throw new TypeError('the process is gone');
    return this.#lab.call(url, init);
  }
}

export const lab = new Lab();
