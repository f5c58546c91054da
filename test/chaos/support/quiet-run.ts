/** The history of a run in which nothing was broken: one town, one agent, one message, one refresh. */
import type { EventType, EventView } from '#protocol';
import type { Message } from '../../../client/index.ts';
import { agentId, messageId, townId } from '../../support/ids.ts';
import type { AgentLine, Call, History, LineOf, TownStory } from '../history.ts';

export const START = 1_800_000_000_000;
export const ADA = agentId(1);
export const BOB = agentId(2);
export const HELLO = messageId(1);
const TOWN = townId(1);

/** So many seconds after the beginning. */
export const at = (seconds: number): number => START + seconds * 1000;
const stamp = (seconds: number): string => new Date(at(seconds)).toISOString();

export const began = (change: Partial<LineOf<'began'>> = {}): LineOf<'began'> => ({
  kind: 'began',
  at: at(3),
  pid: 7,
  agent: ADA,
  inc: 1,
  message: HELLO,
  content: 'hello',
  held: { inc: 1, gen: 2 },
  told: 2,
  ...change,
});

export const ended = (change: Partial<LineOf<'ended'>> = {}): LineOf<'ended'> => ({
  kind: 'ended',
  at: at(4),
  pid: 7,
  agent: ADA,
  inc: 1,
  message: HELLO,
  how: 'end_turn',
  ...change,
});

export const called = (change: Partial<LineOf<'called'>> = {}): LineOf<'called'> => ({
  kind: 'called',
  at: at(5),
  pid: 7,
  agent: ADA,
  inc: 1,
  gen: 2,
  as: ADA,
  issuedAt: at(2),
  status: 200,
  ...change,
});

export const call = (change: Partial<Call> = {}): Call => ({
  at: at(5),
  until: at(5),
  agent: ADA,
  inc: 1,
  gen: 2,
  issuedAt: at(2),
  status: 200,
  code: '',
  ...change,
});

export const message = (change: Partial<Message> = {}): Message => ({
  id: HELLO,
  agent: ADA,
  seq: 1,
  state: 'done',
  content: 'hello',
  sender: 'person',
  kind: 'user',
  idempotency_key: null,
  attempts: 1,
  created_at: stamp(1),
  delivered_at: stamp(2),
  finished_at: stamp(4),
  reply: 'You said: hello',
  truncated: false,
  error: null,
  ...change,
});

/** `data` has to be that of the type: which it is, no compiler sees here. */
export function event<T extends EventType>(
  seq: number,
  type: T,
  data: Extract<EventView, { type: T }>['data'],
): EventView {
  const attributes = { specversion: '1.0', id: `${seq}`, source: TOWN, subject: ADA, time: stamp(seq), seq };
  return { ...attributes, datacontenttype: 'application/json', type, data } as EventView;
}

const grant = (generation: number) => [{ agent: ADA, incarnation: 1, generation }];
export const issued = (seq: number, generation: number, reason: 'start' | 'delivery' | 'sweep') =>
  event(seq, 'reeve.token.issued', { reason, agents: grant(generation) });

export const EVENTS: readonly EventView[] = [
  issued(1, 1, 'start'),
  event(2, 'reeve.message.accepted', { message: HELLO, sender: 'person' }),
  issued(3, 2, 'delivery'),
  event(4, 'reeve.turn.finished', { message: HELLO, attempt: 1, state: 'done' }),
  issued(5, 3, 'sweep'),
];

export const town = (change: Partial<TownStory> = {}): TownStory => ({
  town: TOWN,
  deleted: false,
  agents: [
    { id: ADA, name: 'ada', state: 'idle', incarnation: 1 },
    { id: BOB, name: 'bob', state: 'stopped', incarnation: 1 },
  ],
  messages: [message()],
  events: EVENTS,
  ...change,
});

export const quietRun = (change: Partial<History> = {}): History => ({
  seed: 1,
  startedAt: START,
  endedAt: at(60),
  ttlSeconds: 45,
  towns: [town()],
  sent: [{ at: at(1), town: TOWN, agent: ADA, message: HELLO, content: 'hello' }],
  lines: [began(), ended(), called()],
  calls: [call()],
  cuts: [],
  troubles: [],
  acks: [{ at: at(2), lagMs: 40 }],
  aftermath: { calmAfterMs: 1000, unwell: [], containers: [{ running: 1, registered: 1 }], live: 1 },
  leftBehind: { processes: [], secrets: [] },
  ...change,
});

/** With these lines beside its own. */
export const withLines = (...lines: readonly AgentLine[]): History => {
  const quiet = quietRun();
  return { ...quiet, lines: [...quiet.lines, ...lines] };
};
