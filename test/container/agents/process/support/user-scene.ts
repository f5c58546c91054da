/** Agents with users of their own, on this system: for tests that run as root. Nothing of them outlives the scene. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Launch } from '#protocol';
import type { AgentProcess } from '../../../../../container/agents/agent-process.ts';
import { prepareRun } from '../../../../../container/agents/process/prepare-run.ts';
import type { SpawnSettings } from '../../../../../container/agents/process/spawn-process.ts';
import { SYSTEM_ACCOUNTS } from '../../../../../container/agents/users/account-files.ts';
import { Cell } from '../../../../../container/clients/cell.ts';
import { agentId } from '../../../../support/ids.ts';
import { KeptLog } from '../../../support/log.ts';
import { ProcessScene, agent, realClock } from './process-scene.ts';

export const isRoot = process.getuid?.() === 0;
/** Numbers that no system gives by itself. */
const RANGE = { first: 700_000, last: 700_999 };

export class UserScene extends ProcessScene {
  readonly #base: string;

  private constructor(base: string, settings: Partial<SpawnSettings>) {
    super(settings);
    this.#base = base;
  }

  /** As a control server makes ready at its start. */
  static async make(settings: Partial<SpawnSettings>, base: string, range = RANGE): Promise<UserScene> {
    const { stateDir, users } = await run(base, range);
    return new UserScene(base, { ...settings, stateDir, users });
  }

  /** An agent that answers each prompt with what a shell says to it. */
  shell(seed: number, change: Partial<Launch> = {}, inc = 1): Promise<AgentProcess> {
    return this.start(agent('shell', '', { permissions: 'allow', ...change }), inc, [], seed);
  }

  /** What a shell of the agent says. */
  say(process: AgentProcess, command: string): Promise<string> {
    return this.prompt(process, command).reply;
  }

  /** Its token, for one that asks for it in a file. */
  token(seed: number, text: string): void {
    const times = { issued_at: '2027-01-01T00:00:00Z', expires_at: '2027-01-01T03:00:00Z' };
    const issued = { agent: agentId(seed), inc: 1, gen: 1, jti: `jti-000${seed}`, token: text, ...times };
    this.registry.open(new Cell(issued), () => undefined);
  }

  override async end(): Promise<void> {
    await super.end();
    rmSync(this.#base, { recursive: true, force: true });
  }
}

/** A folder that all users may enter. */
export function makeBase(): string {
  const base = mkdtempSync(join(tmpdir(), 'reeve-users-'));
  chmodSync(base, 0o711);
  return base;
}

/** What a control server does at its start. */
export async function run(base: string, range = RANGE) {
  const settings = { stateDir: base, range, isRoot: true, files: SYSTEM_ACCOUNTS };
  const prepared = await prepareRun({ ...settings, clock: realClock, log: new KeptLog() });
  if (!prepared.ok) throw new Error(prepared.error);
  return prepared;
}

/** Entries of agents whose homes lie in a folder, in the files of users and groups. */
export function entriesBelow(base: string): string[] {
  const lines = readFileSync(SYSTEM_ACCOUNTS.passwd, 'utf8').split('\n');
  const users = lines.filter((line) => line.startsWith('reeve-') && line.includes(`:${base}/`));
  const names = users.map((line) => `${line.split(':')[0]}:`);
  const groups = readFileSync(SYSTEM_ACCOUNTS.group, 'utf8').split('\n');
  return [...users, ...groups.filter((line) => names.some((name) => line.startsWith(name)))];
}
