/** What must hold of every run, whatever happened in it. Pure: each check takes a history and names what breaks it. */
import { CLOCK_TOLERANCE_SECONDS, isTerminal, type EventType, type EventView } from '#protocol';
import { parseJson } from '#lib/json.ts';
import { z } from 'zod';
import { isOver, type Message } from '../../client/index.ts';
import { isCalm, type AgentLine, type History, type LineOf, type TownStory } from './history.ts';

/** A promise that was not kept: its number in docs/architecture.md, what was seen, and when (ms since the run began). */
export interface Broken {
  readonly promise: string;
  readonly what: string;
  readonly atMs: number;
}

type Check = (history: History) => Broken[];

/** After a trouble, what it broke may take so long (ms) to be mended: a push that failed is repeated after 15 s. */
const SETTLE_MS = 20_000;
const FINISHED_WELL = 'end_turn';

const of = <T extends EventType>(events: readonly EventView[], type: T) =>
  events.filter((event): event is Extract<EventView, { type: T }> => event.type === type);

const linesOf = <K extends AgentLine['kind']>({ lines }: History, kind: K): LineOf<K>[] =>
  lines.filter((line): line is LineOf<K> => line.kind === kind);

const kept = ({ towns }: History): TownStory[] => towns.filter(({ deleted }) => !deleted);

/** A finding at a time of the clock. */
const broken = ({ startedAt }: History, promise: string, at: number, what: string): Broken => ({
  promise,
  what,
  atMs: Math.round(at - startedAt),
});

const nothingIsLost: Check = (history) => {
  if (history.aftermath === null) return [];
  const deleted = new Set(history.towns.filter((story) => story.deleted).map(({ town }) => town));
  const found = new Map(history.towns.flatMap(({ messages }) => messages).map((message) => [message.id, message]));
  return history.sent.flatMap(({ at, town, message }) => {
    const state = found.get(message);
    if (deleted.has(town) || (state !== undefined && isOver(state))) return [];
    return [broken(history, 'T12', at, `${message} was accepted and is ${state?.state ?? 'not there'} in the end`)];
  });
};

const nothingRunsTwice: Check = (history) => {
  const begun = Map.groupBy(linesOf(history, 'began'), ({ message, inc }) => `${message} in incarnation ${inc}`);
  const twice = [...begun].flatMap(([what, [first, second]]) => {
    return first === undefined || second === undefined ? [] : [broken(history, 'T12', second.at, `${what} ran twice`)];
  });
  // More than one incarnation may have finished it: the answer to its delivery was lost, and the container died before it reported.
  const finished = new Set(
    linesOf(history, 'ended').flatMap(({ how, message }) => (how === FINISHED_WELL ? [message] : [])),
  );
  const done = kept(history).flatMap(({ messages }) => messages.filter(({ state }) => state === 'done'));
  const never = done
    .filter(({ id }) => !finished.has(id))
    .map(({ id, finished_at }) => {
      return broken(history, 'T12', Date.parse(finished_at ?? ''), `${id} is done, and no agent finished it`);
    });
  return [...twice, ...never];
};

const orderIsKept: Check = (history) =>
  history.towns.flatMap(({ messages, events, agents }) => {
    const known = new Map(messages.map((message) => [message.id, message]));
    const nameOf = ({ seq, attempts }: Message): string => `${seq} (attempts: ${attempts})`;
    const runs = linesOf(history, 'began').map((line) => {
      return { ...line, key: `${line.agent} ${line.inc}`, did: `began, in incarnation ${line.inc},` };
    });
    const ends = of(events, 'reeve.turn.finished').map(({ subject, time, data }) => {
      return { key: subject, at: Date.parse(time), agent: subject, message: data.message, did: 'was done with' };
    });
    const own = new Set<string>(agents.map(({ id }) => id));
    const sequences = [runs, ends].flatMap((all) => [
      ...Map.groupBy(
        all.filter(({ agent }) => own.has(agent)),
        ({ key }) => key,
      ).values(),
    ]);
    return sequences.flatMap((sequence) =>
      sequence.flatMap(({ at, message, agent, did }, nth) => {
        const [before, here] = [known.get(sequence[nth - 1]?.message ?? ''), known.get(message)];
        if (before === undefined || here === undefined || before.seq <= here.seq) return [];
        return [broken(history, 'T12', at, `${agent} ${did} message ${nameOf(here)} after ${nameOf(before)}`)];
      }),
    );
  });

const generationsGrow: Check = (history) =>
  history.towns.flatMap(({ events }) => {
    const latest = new Map<string, number>();
    return of(events, 'reeve.token.issued').flatMap(({ seq, time, data }) =>
      data.agents.flatMap(({ agent, generation }) => {
        const before = latest.get(agent) ?? 0;
        latest.set(agent, Math.max(before, generation));
        if (generation > before) return [];
        return [
          broken(
            history,
            'T2',
            Date.parse(time),
            `event ${seq} gives ${agent} generation ${generation} after ${before}`,
          ),
        ];
      }),
    );
  });

const whatIsCutStaysCut: Check = (history) =>
  history.cuts.flatMap((cut) => {
    const { at, kind, agent, inc, copy } = cut;
    const promise = kind === 'retire' ? 'T9' : 'T11';
    const late = history.calls.filter(
      (call) => call.agent === agent && call.inc <= inc && call.at > at && call.status < 400,
    );
    const found = late.map((call) =>
      broken(history, promise, call.at, `a call of ${agent} was accepted after its ${kind}`),
    );
    if (copy === null || copy.status === 401) return found;
    return [
      ...found,
      broken(history, promise, at, `a copy of the token of ${agent} came to ${copy.status} after its ${kind}`),
    ];
  });

/**
 * No refresh starts a process. A start that the town never saw confirmed is repeated for the same incarnation once the control server
 * that had carried it out is gone, and its process with it.
 */
const oneProcessEach: Check = (history) =>
  [...Map.groupBy(history.lines, ({ agent, inc }) => incarnationOf(agent, inc))].flatMap(([what, lines]) => {
    const processes = [...Map.groupBy(lines, ({ pid }) => pid).values()].map((own) => own.map(({ at }) => at));
    const unsorted = processes.map((times) => ({ from: Math.min(...times), to: Math.max(...times) }));
    const lives = unsorted.toSorted((one, other) => one.from - other.from);
    return lives.flatMap((next, nth) => {
      const one = lives[nth - 1];
      if (one === undefined) return [];
      const killed = history.troubles.find(({ kind, from }) => ENDS.test(kind) && one.from < from && from < next.from);
      if (killed !== undefined && one.to < next.from && !confirmed(history, what, killed.from)) return [];
      return [broken(history, 'T1', next.from, `${what} had a second process`)];
    });
  });

/** Whether the town had stored by then that this incarnation was started. */
const confirmed = ({ towns }: History, incarnation: string, untilMs: number): boolean =>
  towns
    .flatMap(({ events }) => of(events, 'reeve.agent.started'))
    .some(
      (event) =>
        incarnationOf(event.subject, event.data.incarnation) === incarnation && Date.parse(event.time) <= untilMs,
    );

const incarnationOf = (agent: string, inc: number): string => `${agent} in incarnation ${inc}`;

/** What ends the processes of a control server. */
const ENDS = /^(kill|end) container /;

const whoami = z.object({ agent: z.string(), incarnation: z.number() });

const nobodyIsAnother: Check = (history) => {
  const receiver = new Map(history.towns.flatMap(({ messages }) => messages).map((one) => [one.id, one]));
  const nameOf = new Map(history.towns.flatMap(({ agents }) => agents).map(({ id, name }) => [id, name]));
  const turns = linesOf(history, 'began').flatMap(({ at, agent, message }) => {
    const other = receiver.get(message)?.agent ?? agent;
    return other === agent ? [] : [broken(history, 'T11', at, `${agent} ran ${message}, which was for ${other}`)];
  });
  const calls = linesOf(history, 'called').flatMap(({ at, agent, as }) => {
    return as === agent ? [] : [broken(history, 'T11', at, `${agent} held a token of ${as}`)];
  });
  const replies = [...receiver.values()].flatMap(({ agent, content, reply, finished_at }) => {
    if (content !== 'whoami' || reply === null) return [];
    const said = whoami.safeParse(parseJson(reply)).data?.agent;
    if (said === undefined || said === nameOf.get(agent)) return [];
    return [broken(history, 'T11', Date.parse(finished_at ?? ''), `${agent} answered as ${said}`)];
  });
  return [...turns, ...calls, ...replies];
};

const tokensAreFresh: Check = (history) => {
  const { ttlSeconds, troubles, calls } = history;
  const gone = new Set<string>(
    history.towns.filter(({ deleted }) => deleted).flatMap(({ agents }) => agents.map(({ id }) => id)),
  );
  return calls.flatMap(({ at, until, agent, gen, issuedAt, status, code }) => {
    const age = (at - issuedAt) / 1000;
    if (status < 400 && age > ttlSeconds + CLOCK_TOLERANCE_SECONDS + 1)
      return [broken(history, 'T11', at, `${agent} was served with generation ${gen}, ${Math.round(age)} s old`)];
    const ours = troubles.filter((trouble) => trouble.agent === undefined || trouble.agent === agent);
    if (status !== 401 || isTerminal(code) || gone.has(agent) || !isCalm(ours, until, SETTLE_MS)) return [];
    return [
      broken(
        history,
        'T5',
        at,
        `${agent} got 401 ${code} in calm weather, with generation ${gen}, ${age.toFixed(1)} s old`,
      ),
    ];
  });
};

/** For each turn there is a token that was minted, for a delivery or a start, after the message had come, and that the agent held. */
const tokensComeFirst: Check = (history) =>
  history.towns.flatMap(({ events }) => {
    const accepted = new Map(
      of(events, 'reeve.message.accepted').map(({ seq, data }) => [data.message as string, seq]),
    );
    const issued = of(events, 'reeve.token.issued').filter(({ data }) => ['delivery', 'start'].includes(data.reason));
    return linesOf(history, 'began').flatMap(({ at, agent, inc, message, held }) => {
      const since = accepted.get(message);
      if (since === undefined) return [];
      const isFor = issued.some(({ seq, data }) => {
        const grant = data.agents.find((one) => one.agent === agent && one.incarnation === inc);
        const isHeld = held?.inc === inc && grant !== undefined && grant.generation <= held.gen;
        return isHeld && (seq > since || data.reason === 'start');
      });
      return isFor ? [] : [broken(history, 'T8', at, `${agent} began ${message} without a token that came for it`)];
    });
  });

const allIsWellAfterwards: Check = (history) => {
  const { aftermath, endedAt: at } = history;
  if (aftermath === null) return [];
  const { calmAfterMs, unwell, containers, live } = aftermath;
  const running = containers.reduce((sum, one) => sum + one.running, 0);
  return [
    ...(calmAfterMs === null ? [broken(history, 'T5', at, 'it did not come to rest after the weather')] : []),
    ...unwell.map(({ agent, code, detail }) =>
      broken(history, 'T5', at, `${agent ?? 'a town'} is unwell: ${code}, ${detail}`),
    ),
    ...containers.flatMap(({ registered, running: held }, nth) => {
      if (registered === held) return [];
      return [broken(history, 'T4', at, `control server ${nth + 1} holds ${registered} tokens for ${held} agents`)];
    }),
    ...(running === live ? [] : [broken(history, 'T3', at, `${running} agents run, and the towns know of ${live}`)]),
  ];
};

const nothingIsLeftBehind: Check = (history) => {
  const { leftBehind, endedAt: at } = history;
  return [
    ...leftBehind.processes.map((what) => broken(history, 'T9', at, `a process is left: ${what}`)),
    ...leftBehind.secrets.map((where) => broken(history, 'T6', at, `a secret is in ${where}`)),
  ];
};

/** What each check says in the report. */
export const CHECKS: readonly (readonly [claim: string, check: Check])[] = [
  ['T12: what was accepted came to an end', nothingIsLost],
  ['T12: nothing ran twice in an incarnation, and what is done was done', nothingRunsTwice],
  ['T12: each agent took its messages in order', orderIsKept],
  ['T2: generations only grew', generationsGrow],
  ['T9, T11: no token was accepted after its agent was retired or revoked', whatIsCutStaysCut],
  ['T1: each incarnation had one process, through every refresh', oneProcessEach],
  ['T11: no agent ran, called or answered as another', nobodyIsAnother],
  ['T5, T11: no live agent was refused in calm weather, and no old token was accepted', tokensAreFresh],
  ['T8: a token came with each message, and before it', tokensComeFirst],
  ['T1, T3, T4, T5: afterwards all was well, and each agent that ran had one token', allIsWellAfterwards],
  ['T6, T9: no process was left, and no secret lay anywhere', nothingIsLeftBehind],
];

/** Every promise that a history breaks; none where all held. */
export const verdict = (history: History): Broken[] => CHECKS.flatMap(([, check]) => check(history));
