import { describe, expect, test } from 'vitest';
import { readArguments } from './arguments.ts';

const read = (...argv: readonly string[]) => readArguments(argv, () => 0.5);

describe('npm run chaos', () => {
  test('takes minutes, a seed and a place for its report', () => {
    const given = read('--minutes', '0.5', '--seed', '42', '--report', 'a.html', '--keep');
    expect(given).toEqual({ kind: 'run', minutes: 0.5, seed: 42, report: 'a.html', keep: true });
  });

  test('draws the seed that is not given', () => {
    expect(read()).toEqual({
      kind: 'run',
      minutes: 3,
      seed: 1_073_741_823,
      report: 'chaos-1073741823.html',
      keep: false,
    });
  });

  test('explains itself', () => {
    expect(read('--help')).toEqual({ kind: 'help' });
  });

  test.each([
    [['--minutes', '0'], '--minutes'],
    [['--minutes', '601'], '--minutes'],
    [['--minutes', '1e2'], '--minutes'],
    [['--seed', '1.5'], '--seed'],
    [['--seed', '2147483648'], '--seed'],
    [['--seed', ''], '--seed'],
    [['--speed', '1'], '--speed'],
    [['now'], 'now'],
  ])('refuses %s with a line that names %s', (argv, name) => {
    expect(read(...argv)).toMatchObject({ kind: 'refused', line: expect.stringContaining(name) });
  });
});
