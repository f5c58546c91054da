/** A whole Reeve with a middlebox before each of its parts, of which each part can be broken: a Worker, and control servers. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlProgram } from '../../scripts/control-program.ts';
import { workerVariables, type Variables } from '../../scripts/dev-settings.ts';
import { startStack, type Stack } from '../../scripts/dev-stack.ts';
import type { Guard } from '../../scripts/guard.ts';
import { keepRunning, type Kept } from '../../scripts/keep-running.ts';
import { freePort } from '../../scripts/ports.ts';
import { privateKeySetSchema, type PrivateKeySet } from '../../src/tokens/key-set.ts';
import { crashWorker, workerRuntimes } from '../e2e/support/crash-worker.ts';
import { clearFakeClocks, fakeClock } from './fake-clock.ts';
import { Middlebox } from './middlebox.ts';
import type { Way } from './schedule.ts';

/** Seconds that a token lives, so that a run of minutes sees many of them end. */
export const TTL_SECONDS = 45;
const SETTINGS: Variables = {
  TOKEN_TTL_SECONDS: String(TTL_SECONDS),
  REFRESH_INTERVAL_SECONDS: '15',
  HEARTBEAT_SECONDS: '2',
  // Few, so that a town has agents on every control server.
  AGENTS_PER_CONTAINER: '2',
};
const ASK_EVERY_MS = 200;
const ASK_TIMEOUT_MS = 2000;

interface Container {
  readonly port: number;
  readonly metricsPort: number;
  /** Before it. */
  readonly middlebox: Middlebox;
}

/** Where everything listens. */
interface Plan {
  readonly workerPort: number;
  readonly toTown: { readonly port: number; readonly middlebox: Middlebox };
  readonly containers: readonly Container[];
}

export interface WorldOptions {
  /** Made, and taken away, by the caller. */
  readonly stateDir: string;
  readonly containers: number;
  readonly guard: Guard;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export class World {
  readonly url: string;
  readonly #options: WorldOptions;
  readonly #plan: Plan;
  readonly #controls: Kept[] = [];
  #variables: Variables;
  #stack: Stack | null = null;

  /** Rejects with nothing left running. */
  static async start(options: WorldOptions): Promise<World> {
    const { random } = options;
    const worker = await freePort();
    const boxed = async (target: number) => {
      const port = await freePort();
      return { port, middlebox: await Middlebox.open({ port, target, random }) };
    };
    const toTown = await boxed(worker);
    const containers: (Container & { outside: number })[] = [];
    for (let nth = 0; nth < options.containers; nth += 1) {
      const [port, metricsPort] = [await freePort(), await freePort()];
      const { port: outside, middlebox } = await boxed(port);
      containers.push({ port, metricsPort, middlebox, outside });
    }
    const ports = { worker, containers: containers.map(({ outside }) => outside) };
    const variables = await workerVariables(options.stateDir, SETTINGS, ports);
    const world = new World(options, { workerPort: worker, toTown, containers }, variables);
    try {
      await world.#begin();
      return world;
    } catch (thrown) {
      await world.stop();
      throw thrown;
    }
  }

  private constructor(options: WorldOptions, plan: Plan, variables: Variables) {
    this.#options = options;
    this.#plan = plan;
    this.#variables = variables;
    this.url = `http://127.0.0.1:${plan.workerPort}`;
  }

  get variables(): Readonly<Variables> {
    return this.#variables;
  }

  get calls() {
    return this.#plan.toTown.middlebox.calls;
  }

  middlebox(way: Way, nth: number): Middlebox {
    return (way === 'to_town' ? undefined : this.#plan.containers[nth]?.middlebox) ?? this.#plan.toTown.middlebox;
  }

  /** A signal to a control server, which is started again where it ends of it. */
  signalContainer(nth: number, signal: NodeJS.Signals): void {
    const pid = this.#controls[nth]?.pid() ?? null;
    if (pid !== null) process.kill(pid, signal);
  }

  /** The clock of a control server is so many seconds off from now on, over its restarts too. */
  setClock(nth: number, offSeconds: number): void {
    writeFileSync(this.#clockFile(nth), `${offSeconds >= 0 ? '+' : ''}${offSeconds}\n`);
  }

  crashWorker(): void {
    crashWorker(this.#plan.workerPort);
  }

  signalWorker(signal: NodeJS.Signals): void {
    for (const pid of workerRuntimes(this.#plan.workerPort)) process.kill(pid, signal);
  }

  /** The Worker ends, and starts with other keys and the same state. */
  async editKeys(edit: (keys: PrivateKeySet) => Promise<PrivateKeySet>): Promise<void> {
    const keys = privateKeySetSchema.parse(JSON.parse(this.#variables['SIGNING_KEYS'] ?? ''));
    const edited = await edit(keys);
    await this.#stack?.stop();
    this.#variables = { ...this.#variables, SIGNING_KEYS: JSON.stringify(edited) };
    await this.#startWorker();
  }

  /** Resolves once the Worker answers, or where the run is ended. */
  workerServes(): Promise<void> {
    return this.#serves(`${this.url}/healthz`);
  }

  containerServes(nth: number): Promise<void> {
    return this.#serves(`http://127.0.0.1:${this.#plan.containers[nth]?.port ?? 0}/health`);
  }

  /** What each control server tells of itself. */
  scrape(): Promise<string[]> {
    return Promise.all(
      this.#plan.containers.map(async ({ metricsPort }) =>
        (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
      ),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#controls.map((one) => one.stop()), this.#stack?.stop()]);
    for (const { middlebox } of [this.#plan.toTown, ...this.#plan.containers]) middlebox.close();
    clearFakeClocks();
  }

  async #begin(): Promise<void> {
    mkdirSync(join(this.#options.stateDir, 'logs'), { recursive: true, mode: 0o700 });
    for (const nth of this.#plan.containers.keys()) {
      this.setClock(nth, 0);
      this.#controls.push(keepRunning(() => this.#program(nth), this.#options.guard));
    }
    await this.#startWorker();
    await Promise.all(Array.from(this.#plan.containers.keys(), (nth) => this.containerServes(nth)));
  }

  async #startWorker(): Promise<void> {
    const { stateDir, guard, signal } = this.#options;
    const variables = this.#variables;
    this.#stack = await startStack({
      stateDir,
      workerPort: this.#plan.workerPort,
      controlPorts: [],
      variables,
      guard,
      signal,
    });
  }

  #program(nth: number) {
    const { stateDir } = this.#options;
    const { port = 0, metricsPort } = this.#plan.containers[nth] ?? {};
    const logFile = join(stateDir, `logs/container-${nth + 1}.log`);
    const townUrl = `http://127.0.0.1:${this.#plan.toTown.port}`;
    const program = controlProgram({ stateDir, variables: this.#variables, townUrl, port, logFile });
    // Each start of it may get the number of one that was killed.
    clearFakeClocks();
    const clock = fakeClock(this.#clockFile(nth));
    return { ...program, env: { ...program.env, METRICS_PORT: String(metricsPort), ...clock } };
  }

  #clockFile(nth: number): string {
    return join(this.#options.stateDir, `clock-${nth + 1}`);
  }

  async #serves(url: string): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        const answer = await fetch(url, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
        await answer.body?.cancel();
        if (answer.ok) return;
      } catch {
        // Not yet: it is asked again.
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  }
}
