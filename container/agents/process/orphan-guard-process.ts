/** The guard's own program; see orphan-guard.ts. When its standard input ends, it ends what it was told of and was not told off. */
import { createInterface } from 'node:readline';
import { GUARD_LINE } from './orphan-guard.ts';
import { killMarked, killUser, signalGroup } from './process-group.ts';

interface Watched {
  readonly mark: string;
  /** NaN: it shares the control server's. */
  readonly uid: number;
}

/** What is left when there is no one to tell more, by leader. */
async function untilTold(): Promise<Map<string, Watched>> {
  const agents = new Map<string, Watched>();
  for await (const line of createInterface(process.stdin)) {
    const [, sign, leader = '', mark = '', uid] = GUARD_LINE.exec(line) ?? [];
    if (sign === '+') agents.set(leader, { mark, uid: Number(uid) });
    else agents.delete(leader);
  }
  return agents;
}

const left = await untilTold();
for (const leader of left.keys()) signalGroup(Number(leader), 'SIGKILL');
killMarked([...left.values()].map(({ mark }) => mark));
for (const { uid } of left.values()) if (Number.isInteger(uid)) killUser(uid);
