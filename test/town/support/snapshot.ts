/** A town as its database has it, past every request: reading it changes nothing and arms nothing. */
import { runInDurableObject } from 'cloudflare:test';
import type { Message } from '../../../src/outbox/message.ts';
import type { Agent } from '../../../src/roster/agent.ts';
import type { Credential } from '../../../src/tokens/credential.ts';
import type { DueTimes } from '../../../src/town/state/alarm-plan.ts';
import { dueTimes } from '../../../src/town/alarm/run-due.ts';
import { townPorts } from '../../../src/town/town-ports.ts';
import { lab } from './lab.ts';
import { labTownWiring } from './wiring.ts';

/** What it is about, without what has happened in it, which grows from case to case. */
export interface Outlook {
  readonly now: number;
  readonly alarm: number | null;
  readonly due: DueTimes;
  /** Of the town, whether or not an agent is at work. */
  readonly sweepAt: number;
  /** Tokens issued before this are refused: the database was put back. */
  readonly validFrom: number;
  readonly agents: readonly { readonly agent: Agent; readonly credential: Credential }[];
  readonly messages: readonly Message[];
}

export interface Snapshot extends Outlook {
  readonly events: readonly { readonly type: string; readonly subject: string; readonly data: string }[];
}

const MOST = 1000;

export function takeOutlook(stub: DurableObjectStub): Promise<Outlook> {
  return runInDurableObject(stub, (_, state) => outlookOf(state));
}

export function takeSnapshot(stub: DurableObjectStub): Promise<Snapshot> {
  return runInDurableObject(stub, async (_, state) => {
    const outlook = await outlookOf(state);
    const all = 'SELECT type, subject, data FROM events';
    return { ...outlook, events: state.storage.sql.exec<Snapshot['events'][number]>(all).toArray() };
  });
}

async function outlookOf(state: DurableObjectState): Promise<Outlook> {
  const p = townPorts(state, labTownWiring(noWayOut));
  const agents = p.agents.list('', MOST);
  const town = p.town.get();
  return {
    now: lab.clock.now(),
    due: dueTimes(p),
    sweepAt: town?.sweepAtMs ?? 0,
    validFrom: town?.validFromMs ?? 0,
    agents: agents.map((agent) => ({ agent, credential: p.tokens.get(agent.id) })),
    messages: agents.flatMap(({ id }) => [...p.messages.list(id, 'oldest', 0, MOST)]),
    alarm: await state.storage.getAlarm(),
  };
}

function noWayOut(): never {
  throw new Error('a snapshot calls nothing');
}

/** Nothing is left to do, and no alarm is left that would find nothing; the next sweep apart. */
export function isQuiet({ alarm, due: { sweep, ...others }, messages, agents }: Outlook): boolean {
  if (Object.values(others).some((at) => at !== null) || (sweep === null && alarm !== null)) return false;
  return !messages.some(isUnfinished) && agents.every(({ agent }) => agent.state !== 'starting');
}

export const isUnfinished = ({ state }: Message): boolean => state === 'delivered' || state === 'working';

/** For a person who reads why it failed. */
export function describe({ now, alarm, due, agents, messages }: Outlook): string {
  const at = (ms: number | null): number | null => (ms === null ? null : ms - now);
  return JSON.stringify({
    alarm: at(alarm),
    due: Object.fromEntries(Object.entries(due).map(([key, ms]: [string, number | null]) => [key, at(ms)])),
    agents: agents.map(({ agent: { name, state, inc, session }, credential: { minted, acked } }) => {
      return `${name} ${state} ${inc} ${session === null ? 'nowhere' : 'runs'} ${minted}/${acked}`;
    }),
    messages: messages.map(({ seq, state, attempt, deliverAtMs }) => `${seq} ${state} ${attempt} ${at(deliverAtMs)}`),
  });
}
