import { describe, expect, test } from 'vitest';
import type { StreamEvent } from '../../client/index.ts';
import { nounsOf, sentenceOf, toneOf } from '../../web/views/event-words.ts';

const happened = (type: StreamEvent['type'], data: object, subject = 'agt_1'): StreamEvent =>
  // Of each type no more is given than its words take.
  ({ id: '1', type, subject, time: '2027-01-01T12:00:00Z', seq: 1, data }) as unknown as StreamEvent;
const nameOf = (agent: string): string => `<${agent}>`;

describe('an event in words', () => {
  test.each([
    ['reeve.agent.starting', { incarnation: 2, wait_ms: 90_000 }, 'starts again in 1 min', 'off'],
    [
      'reeve.agent.exited',
      { reason: 'out_of_memory', detail: 'It was killed.' },
      'ended: out of memory. It was killed.',
      'bad',
    ],
    ['reeve.agent.stalled', { why: 'silent' }, 'has not been heard', 'warn'],
    [
      'reeve.token.failed',
      { outcome: 'unreachable', detail: 'timeout' },
      'a token did not arrive: unreachable. timeout',
      'bad',
    ],
    ['reeve.sweep.finished', { due: 3, ok: 2, failed: 1, skipped: 0 }, 'sweep: 2 of 3 confirmed, 1 failed', 'bad'],
    ['reeve.sweep.finished', { due: 3, ok: 3, failed: 0, skipped: 0 }, 'sweep: 3 of 3 confirmed', 'good'],
    ['reeve.turn.finished', { state: 'failed', error: null }, 'failed: it did not say why', 'bad'],
    ['reeve.message.accepted', { sender: 'person:dev' }, 'message from dev', 'off'],
    ['reeve.delegation.created', { to: 'agt_2' }, 'handed a task to <agt_2>', 'off'],
    ['reeve.webhook.secret_rotated', {}, 'webhook secret rotated', 'off'],
  ] as const)('%s %j', (type, data, words, tone) => {
    const event = happened(type, data);
    expect([sentenceOf(event, nameOf), toneOf(event), nounsOf(event)]).toEqual([words, tone, [type.split('.')[1]]]);
  });

  test('names the agents of a token, as long as there are few', () => {
    const issued = (count: number) =>
      happened('reeve.token.issued', {
        reason: 'sweep',
        agents: Array.from({ length: count }, (_, nth) => ({ agent: `a${nth}`, generation: 4 })),
      });
    expect(sentenceOf(issued(2), nameOf)).toBe('token for <a0> (generation 4), <a1> (generation 4), by sweep');
    expect(sentenceOf(issued(6), nameOf)).toBe('token for 6 agents, by sweep');
  });

  test('of a type that is newer than this page is said by its type', () => {
    const event = happened('reeve.moon.risen_late' as StreamEvent['type'], {});
    expect(sentenceOf(event, nameOf)).toBe('moon risen late');
  });
});
