/** The guard's own program; see orphan-guard.ts. When its standard input ends, it ends what was added and not removed again. */
import { createInterface } from 'node:readline';
import { GUARD_LINE } from './orphan-guard.ts';
import { killMarked, killUser, signalGroup } from './process-group.ts';

interface Protected {
  readonly mark: string;
  /** NaN: it shares the control server's. */
  readonly uid: number;
}

/** What is left when the input ends, by leader. */
async function untilInputEnds(): Promise<Map<string, Protected>> {
  const agents = new Map<string, Protected>();
  for await (const line of createInterface(process.stdin)) {
    const [, sign, leader = '', mark = '', uid] = GUARD_LINE.exec(line) ?? [];
    if (sign === '+') agents.set(leader, { mark, uid: Number(uid) });
    else agents.delete(leader);
  }
  return agents;
}

const left = await untilInputEnds();
for (const leader of left.keys()) signalGroup(Number(leader), 'SIGKILL');
killMarked([...left.values()].map(({ mark }) => mark));
const users = [...left.values()].map(({ uid }) => uid).filter(Number.isInteger);
await Promise.all(users.map(killUser));
