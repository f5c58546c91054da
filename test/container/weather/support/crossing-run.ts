/** Sessions whose processes start and end when a scheduler says so: starts and ends of the same agents overlap in every order. */
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { AgentId } from '#protocol';
import type { Supervisor } from '../../../../container/agents/supervisor.ts';
import { Sessions } from '../../../../container/control/sessions.ts';
import { AgentContext } from '../../support/agent-scene.ts';
import { TOWN_URL } from '../../support/fake-town-api.ts';
import { containerName, secretOf, sessionId } from '../../../support/ids.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { AGENTS, anAgent } from './control-server-run.ts';
import { Processes } from './processes.ts';

export interface Crossing {
  readonly kind: 'start' | 'failing start' | 'stop' | 'retire' | 'swap' | 'session';
  readonly agent: AgentId;
  readonly inc: number;
}

export const aCrossing: fc.Arbitrary<Crossing> = fc.record({
  kind: fc.constantFrom('start', 'start', 'start', 'stop', 'retire', 'swap', 'session', 'failing start'),
  agent: anAgent,
  inc: fc.integer({ min: 1, max: 4 }),
});

export class CrossingRun {
  readonly #scheduler: fc.Scheduler;
  readonly #context = new AgentContext();
  readonly #processes = new Processes();
  readonly #sessions: Sessions;
  readonly #answers: Promise<unknown>[] = [];
  /** Of the session that is held now. */
  #agents: Supervisor;
  #epoch = 0;
  #failing = false;

  constructor(scheduler: fc.Scheduler) {
    this.#scheduler = scheduler;
    this.#processes.ready = async () => {
      const fails = this.#failing;
      await scheduler.schedule(Promise.resolve(), 'ready');
      if (fails) throw new Error('no such command');
    };
    this.#processes.gone = () => scheduler.schedule(Promise.resolve(), 'gone');
    const { platform, registry } = this.#context;
    this.#sessions = new Sessions({ platform, apiUrl: TOWN_URL, registry, spawn: this.#processes.spawn });
    this.#agents = this.#open();
  }

  /**
   * Sends one after the other, not waiting for any answer, until all are answered and nothing is left to do. Whatever waits for
   * the scheduler waits inside of `waitFor`: outside of it the scheduler lets nothing go on, and the wait would never end.
   */
  async perform(crossings: readonly Crossing[]): Promise<void> {
    const all = async (): Promise<void> => {
      for (const crossing of crossings) {
        await this.#scheduler.schedule(Promise.resolve(), crossing.kind);
        this.#send(crossing);
        expect(this.#agents.list().agents.length).toBeLessThanOrEqual(this.#context.registry.size);
      }
      await Promise.all(this.#answers);
    };
    await this.#scheduler.waitFor(all());
    await this.#scheduler.waitIdle();
  }

  /** Fails the run where an agent had two processes, or where what lives is not what is listed. */
  check(): void {
    expect(this.#processes.doubled).toEqual([]);
    const listed = this.#agents.list().agents.map(({ agent }) => agent);
    expect(listed.toSorted()).toEqual(this.#processes.running.toSorted());
    expect(this.#context.registry.size).toBe(listed.length);
  }

  /** Retires every agent, sees that none comes back, and ends the sessions, after which nothing is left. */
  async finish(): Promise<void> {
    const { registry, town, clock } = this.#context;
    await this.#scheduler.waitFor(Promise.all(AGENTS.map((agent) => this.#agents.retire(agent, { inc: 1 }))));
    for (const agent of AGENTS) {
      const late = { inc: 9, name: 'a', role: 'b', grant: town.mint(agent, 9), runtime: null, earlier: [] };
      expect(await this.#scheduler.waitFor(this.#agents.start(agent, late))).toMatchObject({ outcome: 'retired' });
    }
    await this.#scheduler.waitFor(Promise.all(this.#sessions.all.map((session) => session.agents.end())));
    expect([this.#processes.alive, registry.size, clock.pending]).toEqual([0, 0, 0]);
  }

  #send({ kind, agent, inc }: Crossing): void {
    const issued = this.#context.town.mint(agent, inc);
    this.#failing = kind === 'failing start';
    switch (kind) {
      case 'session':
        this.#agents = this.#open();
        break;
      case 'swap':
        this.#agents.swap(issued);
        break;
      case 'stop':
      case 'retire':
        this.#answers.push(this.#agents[kind](agent, { inc }));
        break;
      case 'start':
      case 'failing start': {
        const started = this.#agents.start(agent, {
          inc,
          name: 'a',
          role: 'b',
          grant: issued,
          runtime: null,
          earlier: [],
        });
        this.#answers.push(started.catch(() => 'failed'));
      }
    }
  }

  #open(): Supervisor {
    this.#epoch += 1;
    const { session } = this.#sessions.open(
      {
        version: 1,
        container: containerName(1),
        session: sessionId(this.#epoch),
        epoch: this.#epoch,
        secret: secretOf(1),
        heartbeat_seconds: 30,
      },
      ManualClock.START_MS / 1000,
    );
    if (session === null) throw new Error('a higher epoch opens');
    return session.agents;
  }
}
