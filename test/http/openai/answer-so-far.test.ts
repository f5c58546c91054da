import { describe, expect, test } from 'vitest';
import type { TurnProgress } from '../../../src/town/follow-turn.ts';
import { AnswerSoFar, type AnswerStep } from '../../../src/http/openai/answer-so-far.ts';

type Piece = TurnProgress['pieces'][number];

const text = (said: string): Piece => ({ kind: 'text', text: said, ref: '' });
const progress = (pieces: readonly Piece[], change: Partial<TurnProgress> = {}): TurnProgress => ({
  state: 'working',
  agent: 'working',
  pieces,
  place: { attempt: 1, pieces: pieces.length },
  end: null,
  ...change,
});
const again = (pieces: readonly Piece[]) => progress(pieces, { place: { attempt: 2, pieces: pieces.length } });
const answered = (said: string) => ({ kind: 'answered', text: said, finish: 'stop' }) as const;

const textOf = (steps: readonly AnswerStep[]): string =>
  steps.map((step) => (step.kind === 'text' ? step.text : '')).join('');
const reasoningOf = (steps: readonly AnswerStep[]): string =>
  steps.map((step) => (step.kind === 'reasoning' ? step.text : '')).join('');

describe('an answer that is sent while it is written', () => {
  test('is sent piece by piece, and at its end what is left of it', () => {
    const answer = new AnswerSoFar();
    expect(answer.take(progress([text('good '), text('mor')]))).toEqual([{ kind: 'text', text: 'good mor' }]);
    expect(answer.take(progress([]))).toEqual([]);
    expect(answer.end(answered('good morning'))).toEqual([
      { kind: 'text', text: 'ning' },
      { kind: 'end', outcome: answered('good morning') },
    ]);
  });

  test('of which nothing was shown is sent at its end', () => {
    expect(textOf(new AnswerSoFar().end(answered('good morning')))).toBe('good morning');
  });

  test('whose pieces were lost on the way is sent whole at its end, and set apart', () => {
    const answer = new AnswerSoFar();
    answer.take(progress([text('good '), text('ning')]));
    const rest = textOf(answer.end(answered('good morning')));
    expect(rest).toMatch(/^\n\n\(.*\)\n\ngood morning$/);
  });

  test('that was cut may be shorter than what was shown of it', () => {
    const answer = new AnswerSoFar();
    answer.take(progress([text('good morning')]));
    expect(answer.end(answered('good'))).toEqual([{ kind: 'end', outcome: answered('good') }]);
  });

  test('of a turn that runs again is not sent twice: its text waits for the end', () => {
    const answer = new AnswerSoFar();
    answer.take(progress([text('good ')]));
    expect(textOf(answer.take(again([text('good mor')])))).toBe('');
    expect(textOf(answer.take(again([text('ning')])))).toBe('');
    expect(textOf(answer.end(answered('good morning')))).toBe('morning');
  });

  test('of a turn that runs again before it said anything is sent from its beginning', () => {
    const answer = new AnswerSoFar();
    answer.take(progress([{ kind: 'thought', text: 'hm', ref: '' }]));
    expect(textOf(answer.take(again([text('good')])))).toBe('good');
  });

  test('of a turn that failed ends with the error, and adds nothing to its text', () => {
    const failed = {
      kind: 'failed',
      error: { error: { message: 'broken', type: 'agent_error', param: null, code: 'turn_failed' } },
    } as const;
    expect(new AnswerSoFar().end(failed)).toEqual([{ kind: 'end', outcome: failed }]);
  });

  test('of which the client hears no more ends with `length`', () => {
    const answer = new AnswerSoFar();
    answer.take(progress([text('good')]));
    const steps = answer.goesOn();
    expect(textOf(steps)).toMatch(/^\n\n\(.*\/status/);
    expect(steps.at(-1)).toMatchObject({ kind: 'end', outcome: { kind: 'goes_on', finish: 'length' } });
  });
});

describe('what an agent does meanwhile', () => {
  test('is reasoning: thoughts as they come, each tool once, and what it asks with how to answer', () => {
    const answer = new AnswerSoFar();
    const tool: Piece = { kind: 'tool', text: 'read a file', ref: 'call-1' };
    const question: Piece = { kind: 'question', text: 'write a file', ref: 'prm_1' };
    const steps = answer.take(progress([{ kind: 'thought', text: 'hm', ref: '' }, tool, tool, question]));
    expect(steps).toHaveLength(1);
    expect(reasoningOf(steps)).toBe(
      'hm\n* read a file\n\nThe agent asks for permission: write a file\nAnswer with /allow prm_1 or /deny prm_1\n',
    );
    expect(answer.take(progress([tool]))).toEqual([]);
  });

  test.each(['working', 'stalled', 'starting', 'stopped', 'failed'] as const)(
    'is one line of reasoning while the message waits for an agent that is %s',
    (agent) => {
      const answer = new AnswerSoFar();
      const waits = progress([], { state: 'queued', agent });
      expect(reasoningOf(answer.take(waits))).toMatch(/^Queued: [^\n]+\n$/);
      expect(answer.take(waits)).toEqual([]);
    },
  );

  test('is nothing for a message whose turn is about to begin', () => {
    expect(new AnswerSoFar().take(progress([], { state: 'queued', agent: 'idle' }))).toEqual([]);
  });
});
