import { afterEach, expect, test, vi } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { consoleLog } from '../../src/lib/log.ts';

afterEach(() => vi.restoreAllMocks());

test('each line is one JSON object with its level, event and fields', () => {
  const lines: [string, unknown][] = [];
  for (const method of ['log', 'warn', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((line: unknown) => void lines.push([method, line]));
  }
  consoleLog.info('town.created', { town: 'town_1', agents: 3 });
  consoleLog.warn('token.refused', { reason: 'expired', request_id: undefined });
  consoleLog.error('multi', { text: 'two\nlines' });
  expect(lines).toEqual([
    ['log', '{"level":"info","event":"town.created","town":"town_1","agents":3}'],
    ['warn', '{"level":"warn","event":"token.refused","reason":"expired"}'],
    ['error', '{"level":"error","event":"multi","text":"two\\nlines"}'],
  ]);
});

test('a secret that is handed to the log by mistake is not in its line (T6)', () => {
  let text = '';
  vi.spyOn(console, 'log').mockImplementation((line: unknown) => void (text += String(line)));
  consoleLog.info('oops', { secret: String(new Secret('correct-horse-battery')) });
  expect(text).not.toContain('horse');
});
