/** A checker that finds nothing is worth nothing: each promise is broken here in a history that is otherwise sound. */
import { describe, expect, test } from 'vitest';
import { messageId } from '../support/ids.ts';
import { CHECKS, verdict } from './checks.ts';
import type { Aftermath, Cut, History } from './history.ts';
import {
  ADA,
  BOB,
  EVENTS,
  HELLO,
  at,
  began,
  call,
  called,
  ended,
  event,
  issued,
  message,
  quietRun,
  town,
  withLines,
} from './support/quiet-run.ts';

const LATER = messageId(2);
const later = message({ id: LATER, seq: 2 });
const CUT: Cut = { at: at(10), kind: 'revoke', agent: ADA, inc: 1, copy: { status: 401, code: 'agent_revoked' } };
const after = (change: Partial<Aftermath>): History => {
  const quiet = quietRun();
  return quiet.aftermath === null ? quiet : { ...quiet, aftermath: { ...quiet.aftermath, ...change } };
};
const killedAt = (seconds: number): History =>
  quietRun({ troubles: [{ from: at(seconds), to: at(seconds + 0.5), kind: 'kill container 1' }] });
const promises = (history: History): string[] => verdict(history).map(({ promise }) => promise);

test('a run in which all went well breaks nothing', () => {
  expect(verdict(quietRun())).toEqual([]);
});

const BREAKS: readonly (readonly [what: string, promise: string, history: History])[] = [
  ['an accepted message that is not there', 'T12', quietRun({ towns: [town({ messages: [] })], lines: [] })],
  [
    'an accepted message that waits for ever',
    'T12',
    quietRun({ towns: [town({ messages: [message({ state: 'queued' })] })] }),
  ],
  ['a message that runs twice in one incarnation', 'T12', withLines(began({ at: at(6) }))],
  ['a message that is done, and that no agent finished', 'T12', quietRun({ lines: [began()] })],
  [
    'an agent that takes a later message first',
    'T12',
    quietRun({
      towns: [
        town({
          messages: [message(), later],
          events: [
            ...EVENTS,
            event(6, 'reeve.message.accepted', { message: LATER, sender: 'person' }),
            issued(7, 4, 'delivery'),
          ],
        }),
      ],
      lines: [
        began({ message: LATER, held: { inc: 1, gen: 4 }, at: at(2) }),
        ended({ message: LATER }),
        began(),
        ended(),
      ],
    }),
  ],
  [
    'turns that end in another order',
    'T12',
    quietRun({
      towns: [
        town({
          messages: [message(), later],
          events: [
            ...EVENTS.filter(({ type }) => type !== 'reeve.turn.finished'),
            event(6, 'reeve.turn.finished', { message: LATER, attempt: 1, state: 'done' }),
            event(7, 'reeve.turn.finished', { message: HELLO, attempt: 1, state: 'done' }),
          ],
        }),
      ],
      lines: [began(), ended(), ended({ message: LATER })],
    }),
  ],
  [
    'a generation that is given twice',
    'T2',
    quietRun({ towns: [town({ events: [...EVENTS, issued(6, 3, 'sweep')] })] }),
  ],
  ['a generation that is lower', 'T2', quietRun({ towns: [town({ events: [...EVENTS, issued(6, 2, 'sweep')] })] })],
  ['a call that is accepted after the revocation', 'T11', quietRun({ cuts: [CUT], calls: [call({ at: at(11) })] })],
  [
    'a call that is accepted after the teardown',
    'T9',
    quietRun({ cuts: [{ ...CUT, kind: 'retire' }], calls: [call({ at: at(11) })] }),
  ],
  [
    'a copy of a token that is accepted after the teardown',
    'T9',
    quietRun({ cuts: [{ ...CUT, kind: 'retire', copy: { status: 200, code: '' } }] }),
  ],
  ['a process that is another after a refresh', 'T1', withLines(called({ pid: 8, gen: 3, at: at(7) }))],
  [
    'a process beside the first, although a control server was killed',
    'T1',
    {
      ...killedAt(6),
      lines: [...quietRun().lines, called({ pid: 8, gen: 3, at: at(7) }), called({ gen: 3, at: at(8) })],
    },
  ],
  [
    'a second process of an incarnation whose start was confirmed before its control server was killed',
    'T1',
    {
      ...killedAt(6),
      towns: [town({ events: [...EVENTS, event(5.5, 'reeve.agent.started', { incarnation: 1, process_id: 7 })] })],
      lines: [...quietRun().lines, called({ pid: 8, gen: 3, at: at(7) })],
    },
  ],
  [
    'a process that is another, and a control server that is killed later',
    'T1',
    { ...killedAt(8), lines: [...quietRun().lines, called({ pid: 8, gen: 3, at: at(7) })] },
  ],
  ['a message that another agent runs', 'T11', quietRun({ lines: [began({ agent: BOB }), ended({ agent: BOB })] })],
  ['an agent that holds the token of another', 'T11', withLines(called({ as: BOB }))],
  [
    'an agent that answers with another name',
    'T11',
    quietRun({
      towns: [town({ messages: [message({ content: 'whoami', reply: '{"agent":"bob","incarnation":1}' })] })],
    }),
  ],
  ['a 401 in calm weather', 'T5', quietRun({ calls: [call({ status: 401, code: 'invalid_token' })] })],
  ['a token that is accepted after its end', 'T11', quietRun({ calls: [call({ at: at(2 + 45 + 32) })] })],
  ['a turn that begins without a token', 'T8', quietRun({ lines: [began({ held: null }), ended()] })],
  [
    'a turn that begins with a token from before its delivery',
    'T8',
    quietRun({
      towns: [town({ events: EVENTS.filter(({ seq }) => seq !== 1) })],
      lines: [began({ held: { inc: 1, gen: 1 } }), ended()],
    }),
  ],
  [
    'a turn that begins with a token of an earlier incarnation',
    'T8',
    quietRun({ lines: [began({ inc: 2 }), ended({ inc: 2 })] }),
  ],
  ['a town that does not come to rest', 'T5', after({ calmAfterMs: null })],
  [
    'a town that is not well afterwards',
    'T5',
    after({
      unwell: [{ code: 'agent_failed', status: 'amber', agent: ADA, since: '', detail: 'it failed', advice: '' }],
    }),
  ],
  ['a token that is held for no agent', 'T4', after({ containers: [{ running: 1, registered: 2 }] })],
  ['an agent that its town knows nothing of', 'T3', after({ containers: [{ running: 2, registered: 2 }] })],
  ['a process that is left', 'T9', quietRun({ leftBehind: { processes: ['process 9'], secrets: [] } })],
  ['a token in a log', 'T6', quietRun({ leftBehind: { processes: [], secrets: ['worker.log: a JWS'] } })],
];

test.each(BREAKS)('%s breaks %s', (_, promise, history) => {
  expect(promises(history)).toContain(promise);
});

test('each check finds one of these', () => {
  const idle = CHECKS.filter(([, check]) => BREAKS.every(([, , history]) => check(history).length === 0));
  expect(idle.map(([claim]) => claim)).toEqual([]);
});

test('a finding says when it happened, counted from the beginning', () => {
  expect(verdict(withLines(called({ as: BOB, at: at(12) })))).toMatchObject([{ atMs: 12_000 }]);
});

describe('what is no break of a promise', () => {
  const FINE: readonly (readonly [what: string, history: History])[] = [
    [
      'a message that a town took with it when it was deleted',
      quietRun({ towns: [town({ deleted: true, messages: [] })], lines: [] }),
    ],
    [
      'a turn that a second incarnation finished again',
      quietRun({
        towns: [
          town({
            events: [
              ...EVENTS,
              event(6, 'reeve.token.issued', {
                reason: 'start',
                agents: [{ agent: ADA, incarnation: 2, generation: 4 }],
              }),
            ],
          }),
        ],
        lines: [began(), ended(), began({ inc: 2, pid: 8, held: { inc: 2, gen: 4 } }), ended({ inc: 2, pid: 8 })],
      }),
    ],
    [
      'a call that was under way when its agent was revoked',
      quietRun({ cuts: [CUT], calls: [call({ at: at(9.9), until: at(10.1) })] }),
    ],
    [
      'a call of the next incarnation of an agent that was revoked',
      quietRun({ cuts: [CUT], calls: [call({ at: at(12), inc: 2 })] }),
    ],
    ['a copy of a token that reached nobody', quietRun({ cuts: [{ ...CUT, copy: null }] })],
    [
      'a 401 in a storm',
      quietRun({
        troubles: [{ from: at(0), to: at(4), kind: 'kill worker' }],
        calls: [call({ status: 401, code: 'invalid_token' })],
      }),
    ],
    [
      'a start that is repeated for an incarnation whose control server was killed',
      { ...killedAt(6), lines: [...quietRun().lines, called({ pid: 8, gen: 3, at: at(7) })] },
    ],
    ['a 401 that says that the agent is stopped', quietRun({ calls: [call({ status: 401, code: 'agent_stopped' })] })],
  ];
  test.each(FINE)('%s', (_, history) => {
    expect(verdict(history)).toEqual([]);
  });

  test('a trouble of one agent excuses no other', () => {
    const trouble = { from: at(0), to: at(4), kind: 'older tokens refused', agent: BOB };
    expect(promises(quietRun({ troubles: [trouble], calls: [call({ status: 401, code: 'invalid_token' })] }))).toEqual([
      'T5',
    ]);
  });

  test('a trouble excuses for twenty seconds after its end, and no longer', () => {
    const refusedAt = (seconds: number): History =>
      quietRun({
        troubles: [{ from: at(0), to: at(4), kind: 'kill worker' }],
        calls: [call({ at: at(seconds), until: at(seconds), status: 401, code: 'invalid_token' })],
      });
    expect(promises(refusedAt(24))).toEqual([]);
    expect(promises(refusedAt(24.1))).toEqual(['T5']);
  });
});

test('a run that was ended early is judged by what it had come to', () => {
  const early = quietRun({
    aftermath: null,
    towns: [town({ messages: [message({ state: 'working' })] })],
    lines: [began()],
  });
  expect(verdict(early)).toEqual([]);
  expect(promises({ ...early, lines: [began(), called({ as: BOB })] })).toEqual(['T11']);
});
