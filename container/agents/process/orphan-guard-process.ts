/** The guard's own program; see orphan-guard.ts. When its standard input ends, it ends what it was told of and was not told off. */
import { createInterface } from 'node:readline';
import { GUARD_LINE } from './orphan-guard.ts';
import { killMarked, signalGroup } from './process-group.ts';

/** What is left when there is nobody to tell more: the mark of each leader. */
async function untilTold(): Promise<Map<string, string>> {
  const agents = new Map<string, string>();
  for await (const line of createInterface(process.stdin)) {
    const [, sign, leader = '', mark = ''] = GUARD_LINE.exec(line) ?? [];
    if (sign === '+') agents.set(leader, mark);
    else agents.delete(leader);
  }
  return agents;
}

const left = await untilTold();
for (const leader of left.keys()) signalGroup(Number(leader), 'SIGKILL');
killMarked([...left.values()]);
