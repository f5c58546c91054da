/** Real processes of agents, and the tools of a town that is played. Whatever a test does, none of them outlives it. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { launchSchema, type Launch } from '#protocol';
import type { AgentLaunch, AgentProcess, TurnOutput } from '../../../../../container/agents/agent-process.ts';
import {
  agentProcesses,
  type AgentProcesses,
  type SpawnSettings,
} from '../../../../../container/agents/process/spawn-process.ts';
import { Registry } from '../../../../../container/clients/registry.ts';
import type { Clock } from '../../../../../container/lib/clock.ts';
import { message } from '../../../support/control-server.ts';
import { FakeTools } from '../../../support/fake-tools.ts';
import { agentId } from '../../../../support/ids.ts';
import { KeptLog } from '../../../support/log.ts';

const PROGRAMS = join(import.meta.dirname, '../../programs');

export const realClock: Clock = {
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export interface Turn {
  readonly reply: Promise<string>;
  readonly said: TurnOutput[];
  readonly interrupt: () => void;
}

export class ProcessScene {
  readonly town = new FakeTools();
  readonly log = new KeptLog();
  /** Where tokens of agents come from, when one asks for a file. */
  readonly registry = new Registry();
  readonly stateDir: string;
  readonly life = new AbortController();
  /** As a control server has them. */
  readonly agents: AgentProcesses;
  readonly #started: AgentProcess[] = [];
  #messages = 0;

  constructor(settings: Partial<SpawnSettings> = {}) {
    this.stateDir = settings.stateDir ?? mkdtempSync(join(tmpdir(), 'reeve-agents-'));
    const path = `${dirname(process.execPath)}:/usr/bin:/bin`;
    const all: SpawnSettings = {
      stateDir: this.stateDir,
      path,
      apiUrl: 'https://town.example',
      startTimeoutMs: 600_000,
      permissionMs: 600_000,
      diskBytes: 0,
      users: null,
      ...settings,
    };
    const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));
    // Waits of five seconds pass in a quarter of one.
    const clock: Clock = { ...realClock, after: (ms, run) => realClock.after(ms >= 5_000 ? ms / 20 : ms, run) };
    this.agents = agentProcesses({ clock, log: this.log, randomBytes }, all, this.registry);
  }

  /** Starts the agent: the built-in one, or what the runtime says. */
  async start(
    runtime: Launch | null = null,
    inc = 1,
    earlier: AgentLaunch['earlier'] = [],
    seed = 1,
  ): Promise<AgentProcess> {
    const launch: AgentLaunch = {
      agent: agentId(seed),
      inc,
      name: 'ada',
      role: 'worker',
      runtime,
      earlier,
      lastGeneration: () => 7,
      town: () => this.town.of('ada'),
      townNowMs: () => Date.parse('2027-01-01T00:00:00Z'),
    };
    const started = await this.agents.spawn(launch, this.life.signal);
    this.#started.push(started);
    return started;
  }

  prompt(agent: AgentProcess, content: string, sender = 'person:dev', traceparent: string | null = null): Turn {
    const said: TurnOutput[] = [];
    const turn = new AbortController();
    this.#messages += 1;
    const reply = agent.ready.then(() =>
      agent.prompt({
        message: { ...message(this.#messages, content), sender },
        emit: (output) => void said.push(output),
        signal: turn.signal,
        traceparent,
      }),
    );
    reply.catch(() => undefined);
    return { reply, said, interrupt: () => turn.abort() };
  }

  async end(): Promise<void> {
    this.life.abort();
    await Promise.all(this.#started.map((one) => one.stop()));
    await this.agents.close();
  }
}

/** One of the small programs beside these tests, run by this Node. */
export function program(name: string, change: Partial<Launch> = {}): Launch {
  return launchSchema.parse({ command: process.execPath, args: [join(PROGRAMS, name)], ...change });
}

/** The agent that does what its mode says. */
export const agent = (mode: string, extra = '', change: Partial<Launch> = {}): Launch => {
  const { args } = program('agent.ts');
  return program('agent.ts', { ...change, args: [...args, mode, extra] });
};

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    // One that was killed and not yet waited for is dead.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
