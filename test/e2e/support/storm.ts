/** A whole Reeve of which parts are killed while it works, and what its people, its town and its containers say of that afterwards. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { eventBatchSchema } from '#protocol';
import { ApiClient } from '../../../scripts/api-client.ts';
import { startChild, type Child } from '../../../scripts/child.ts';
import { controlProgram } from '../../../scripts/control-program.ts';
import { workerVariables, type Variables } from '../../../scripts/dev-settings.ts';
import { startStack, type Stack } from '../../../scripts/dev-stack.ts';
import { Guard } from '../../../scripts/guard.ts';
import { freePort } from '../../../scripts/ports.ts';
import { migratedFolder } from './migrated.ts';
import { crashWorker, workerRuntimes } from './crash-worker.ts';
import { Wiretap } from './wiretap.ts';

/** Far longer (s) than any of it takes: a repeat that is stored for later comes after 15. */
const PATIENCE_SECONDS = 60;

interface Ports {
  readonly worker: number;
  readonly control: number;
  /** Wiretap in front of the control server, and the one in front of the Worker that only control servers use. */
  readonly toControl: number;
  readonly toTown: number;
}

/** One turn that a container says it began. */
export interface Run {
  readonly agent: string;
  readonly inc: number;
  readonly message: string;
}

export class Storm {
  readonly api: ApiClient;
  readonly toControl: Wiretap;
  readonly toTown: Wiretap;
  readonly #stateDir: string;
  readonly #ports: Ports;
  readonly #variables: Readonly<Variables>;
  readonly #stack: Stack;
  readonly #guard: Guard;
  #control: Child;

  private constructor(
    stateDir: string,
    ports: Ports,
    variables: Variables,
    { stack, guard }: { stack: Stack; guard: Guard },
    taps: [Wiretap, Wiretap],
  ) {
    this.#stateDir = stateDir;
    this.#guard = guard;
    this.#ports = ports;
    this.#variables = variables;
    this.#stack = stack;
    [this.toControl, this.toTown] = taps;
    this.api = new ApiClient(stack.url, variables['REEVE_DEV_TOKEN'] ?? '');
    this.#control = this.#startControl();
  }

  static async start(): Promise<Storm> {
    const stateDir = migratedFolder('reeve-storm-');
    const [worker, control, toControl, toTown] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const platform = { HEARTBEAT_SECONDS: '1', CONTAINER_URL: `http://127.0.0.1:${toControl}` };
    const variables = await workerVariables(stateDir, platform, { worker, containers: [control] });
    const taps: [Wiretap, Wiretap] = [await Wiretap.open(toControl, control), await Wiretap.open(toTown, worker)];
    try {
      const guard = new Guard();
      const stack = await startStack({ stateDir, workerPort: worker, controlPorts: [], variables, guard });
      return new Storm(stateDir, { worker, control, toControl, toTown }, variables, { stack, guard }, taps);
    } catch (thrown) {
      for (const tap of taps) tap.close();
      rmSync(stateDir, { recursive: true, force: true });
      throw thrown;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#control.stop(), this.#stack.stop()]);
    this.#guard.end();
    this.toControl.close();
    this.toTown.close();
    rmSync(this.#stateDir, { recursive: true, force: true });
  }

  /** `kill -9`, and its supervisor starts it again. Nothing of it is left, not even an orderly end. */
  async crashControlServer(): Promise<void> {
    this.#control.kill();
    await this.#control.exited;
    this.#control = this.#startControl();
  }

  /**
   * `kill -9` of the runtime in which the Worker and its Durable Objects live; resolves when it is gone. wrangler, which keeps
   * the port with a runtime of its own, starts another one.
   */
  async crashWorker(): Promise<void> {
    const { worker } = this.#ports;
    const pids = crashWorker(worker);
    if (pids.length === 0) throw new Error('no runtime of the Worker was found');
    await this.eventually('the end of the runtime', async () => {
      const left = workerRuntimes(worker);
      return pids.some((pid) => left.includes(pid)) ? null : true;
    });
  }

  /** Asks again until there is an answer. A call that fails is no answer: parts of this may be down. */
  async eventually<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
    return this.api.eventually(PATIENCE_SECONDS, what, async () => {
      try {
        return await ask();
      } catch (thrown) {
        if (!isDown(thrown)) throw thrown;
        return null;
      }
    });
  }

  /** As a sender does that must not lose anything: it asks again, with the same key, until the answer is that it was accepted. */
  send(town: string, agent: string, content: string): Promise<string> {
    const key = `${agent}/${content.replaceAll(' ', '-')}`;
    return this.eventually(`the acceptance of ${key}`, () => this.api.send(town, agent, content, key));
  }

  /** Every turn that the containers of a town reported, each once: a batch that was not answered comes again under its number. */
  runs(): Run[] {
    const batches = new Map<string, Run[]>();
    for (const { path, authorization, body } of this.toTown.crossed) {
      if (path !== '/v1/agent/events') continue;
      const { agent, inc } = decodeJwt<{ agent: string; inc: number }>(authorization.slice('Bearer '.length));
      const { counter, events } = eventBatchSchema.parse(JSON.parse(body));
      const started = events.filter((event) => event.type === 'turn.started');
      batches.set(
        `${agent} ${inc} ${counter}`,
        started.map(({ message }) => ({ agent, inc, message })),
      );
    }
    return [...batches.values()].flat();
  }

  #startControl(): Child {
    const { control: port, toTown } = this.#ports;
    const [stateDir, variables] = [this.#stateDir, this.#variables];
    const logFile = join(stateDir, 'logs/container.log');
    const townUrl = `http://127.0.0.1:${toTown}`;
    return startChild(controlProgram({ stateDir, variables, townUrl, port, logFile }), this.#guard);
  }
}

/** Refused, reset, timed out, or answered by wrangler instead of the Worker. */
function isDown(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return thrown.name === 'TypeError' || thrown.name === 'TimeoutError' || / 50\d /.test(thrown.message);
}
