import { expect, test } from 'vitest';
import { quoted } from '../../scripts/quoted.ts';

test.each([
  ['ESC [, as JSON does it', '\u001b[2J'],
  ['a C1 control', '\u009b2J'],
  ['DEL', '\u007f'],
  ['a separator of lines', '\u2028'],
  ['a turn of the direction', '\u202eevil'],
  ['a letter of no width, outside of the first plane', '\u{e0041}'],
])('%s never reaches the terminal as it is, and is the same value when it is read', (_, text) => {
  const line = quoted({ text });
  expect(line).toMatch(/^[ -~]+$/);
  expect(JSON.parse(line)).toEqual({ text });
});

test('any other letter is shown as it is', () => {
  expect(quoted('Größe 日本 🎉')).toBe('"Größe 日本 🎉"');
});
