/** A Unix user for each agent of one control server: its own number, group and home, from the agent's first start to its teardown. */
import type { AgentId } from '#protocol';
import { pause, type Clock } from '../../lib/clock.ts';
import { StartError } from '../agent-process.ts';
import { killUser, userProcesses, usersOfProcesses } from '../process/process-group.ts';
import { accountName, changeAccounts, type AccountFiles } from './account-files.ts';
import { errorCode } from '../../lib/error-code.ts';

/** Numbers that agents may have, both ends included. */
export interface UserRange {
  readonly first: number;
  readonly last: number;
}

export interface AgentUser {
  readonly uid: number;
  /** The same number. */
  readonly gid: number;
  readonly name: string;
}

interface UserParts {
  readonly files: AccountFiles;
  readonly range: UserRange;
  readonly clock: Clock;
}

/** `nobody`, and what some systems take for "none". */
const NOT_A_USER: readonly number[] = [65_534, 65_535];
/** A process that was killed is gone within this (ms), unless the system itself hangs. */
const DYING_MS = 2_000;
const LOOK_MS = 10;

export class AgentUsers {
  readonly #parts: UserParts;
  readonly #users = new Map<AgentId, AgentUser>();
  /** Where the next search begins: a number that has just become free is the last to be given again. */
  #next: number;
  /** Changes follow each other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: UserParts) {
    this.#parts = parts;
    this.#next = parts.range.first;
  }

  /** The agent's user, made where it has none. Rejects with `StartError` where none is free, or the system's files cannot be changed. */
  of(agent: AgentId, home: string): Promise<AgentUser> {
    return this.#queued(async () => {
      const known = this.#users.get(agent);
      if (known !== undefined) return known;
      let uid: number | null = null;
      try {
        await this.#change(({ agents, taken }) => {
          uid = this.#free(taken);
          return uid === null ? agents : [...agents, { uid, home }];
        });
      } catch (thrown) {
        const code = errorCode(thrown) ?? 'locked';
        throw new StartError('spawn_failed', `no user could be made for the agent: ${code}`);
      }
      if (uid === null) throw new StartError('spawn_failed', 'no user is free in AGENT_USERS');
      const user = { uid, gid: uid, name: accountName(uid) };
      this.#users.set(agent, user);
      return user;
    });
  }

  /** The user that the agent has; null: none. */
  peek(agent: AgentId): AgentUser | null {
    return this.#users.get(agent) ?? null;
  }

  /** Agents that have a user. */
  get agents(): AgentId[] {
    return [...this.#users.keys()];
  }

  /** Kills what runs as the user; resolves when it is gone, to false where it is not after 2 s. */
  kill(user: AgentUser): Promise<boolean> {
    return killAndWait(this.#parts.clock, user.uid);
  }

  /** Removes the users of agents whose processes and files are gone. Rejects where the files cannot be changed. */
  release(released: readonly AgentId[]): Promise<void> {
    return this.#queued(async () => {
      const uids = released.flatMap((agent) => this.#users.get(agent)?.uid ?? []);
      if (uids.length === 0) return;
      await this.#change(({ agents }) => agents.filter(({ uid }) => !uids.includes(uid)));
      for (const agent of released) this.#users.delete(agent);
    });
  }

  /**
   * Removes what control servers that are gone have left: their agents' users, with all that runs as them. A user whose processes
   * do not go is kept. Rejects where the files cannot be changed.
   */
  reclaim(isInUse: (home: string) => boolean): Promise<void> {
    return this.#queued(() =>
      this.#change(async ({ agents }) => {
        const gone = await Promise.all(
          agents.map(async ({ uid, home }) => !isInUse(home) && (await killAndWait(this.#parts.clock, uid))),
        );
        return agents.filter((_, nth) => gone[nth] !== true);
      }),
    );
  }

  #change(decide: Parameters<typeof changeAccounts>[2]): Promise<void> {
    return changeAccounts(this.#parts.files, this.#parts.clock, decide);
  }

  /** Neither a user's nor a group's, and nothing runs as it. */
  #free(taken: ReadonlySet<number>): number | null {
    const { first, last } = this.#parts.range;
    const running = usersOfProcesses();
    const count = last - first + 1;
    for (let tried = 0; tried < count; tried += 1) {
      const uid = first + ((this.#next - first + tried) % count);
      if (taken.has(uid) || running.has(uid) || NOT_A_USER.includes(uid)) continue;
      this.#next = uid + 1;
      return uid;
    }
    return null;
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => {});
    return mine;
  }
}

async function killAndWait(clock: Clock, uid: number): Promise<boolean> {
  const untilMs = clock.monoMs() + DYING_MS;
  const always = new AbortController().signal;
  while (!(await killUser(uid)) || userProcesses(uid).length > 0) {
    if (clock.monoMs() > untilMs) return false;
    await pause(clock, always, LOOK_MS);
  }
  return true;
}
