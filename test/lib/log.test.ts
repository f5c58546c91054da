import { afterEach, expect, test, vi } from 'vitest';
import { Secret } from '../../src/lib/secret.ts';
import { consoleLog, rarely, withFields, type Log } from '../../src/lib/log.ts';

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

test('a log of one thing has its fields in each line, and repeats of requests are repeats all the same', () => {
  const { log, lines } = kept();
  for (let nth = 1; nth <= 4; nth += 1) {
    withFields(log, { request_id: `r-${nth}`, trace_id: `t-${nth}`, span_id: `s-${nth}` }).warn('token.refused', {
      reason: 'expired',
    });
  }
  const fields = (nth: number) => ({
    request_id: `r-${nth}`,
    trace_id: `t-${nth}`,
    span_id: `s-${nth}`,
    reason: 'expired',
  });
  expect(lines.map(([, said]) => said)).toEqual([
    fields(1),
    { ...fields(2), repeats: 2 },
    { ...fields(3), repeats: 3 },
    { ...fields(4), repeats: 4 },
  ]);
  withFields(log, { trace_id: 't' }).info('http.request', { status: 200 });
  withFields(log, { trace_id: 't' }).error('request.failed');
  expect(lines.slice(-2)).toEqual([
    ['http.request', { trace_id: 't', status: 200 }],
    ['request.failed', { trace_id: 't' }],
  ]);
});

/** A log over a clock that is turned by hand, and the lines that come through. */
function kept(): { log: Log; lines: [string, object | undefined][]; pass: (ms: number) => void } {
  const lines: [string, object | undefined][] = [];
  const take = (event: string, fields?: object): void => void lines.push([event, fields]);
  let now = 0;
  const log = rarely({ info: take, warn: take, error: take }, { now: () => now });
  return { log, lines, pass: (ms) => void (now += ms) };
}

test('what repeats is logged three times and then ever more rarely, with a count', () => {
  const { log, lines, pass } = kept();
  for (let nth = 1; nth <= 1000; nth += 1) {
    log.error('hello.town_failed', { town: 'town_1', error: `no answer, ${nth}` });
    pass(1000);
  }
  expect(lines[0]).toEqual(['hello.town_failed', { town: 'town_1', error: 'no answer, 1' }]);
  const repeats = [2, 3, 4, 8, 16, 32, 64, 128, 256, 512];
  expect(lines.slice(1)).toEqual(
    repeats.map((nth) => ['hello.town_failed', { town: 'town_1', error: `no answer, ${nth}`, repeats: nth }]),
  );
});

test('another thing, another reason and another level are logged at once, and so is what comes again after ten quiet minutes', () => {
  const { log, lines, pass } = kept();
  for (let nth = 0; nth < 10; nth += 1) log.warn('token.refused', { reason: 'expired', request_id: `${nth}` });
  const before = lines.length;
  log.warn('token.refused', { reason: 'bad_signature' });
  log.error('token.refused', { reason: 'expired' });
  log.warn('token.refused', { reason: 'expired', town: 'town_1' });
  pass(600_001);
  log.warn('token.refused', { reason: 'expired' });
  expect(lines.slice(before).map(([, fields]) => fields)).toEqual([
    { reason: 'bad_signature' },
    { reason: 'expired' },
    { reason: 'expired', town: 'town_1' },
    { reason: 'expired' },
  ]);
});

test('information is never held back, and rows past a thousand are forgotten', () => {
  const { log, lines } = kept();
  for (let nth = 0; nth < 20; nth += 1) log.info('watchdog.done');
  expect(lines).toHaveLength(20);
  for (let nth = 0; nth < 5; nth += 1) log.warn('agent.call_refused', { agent: 'first' });
  for (let nth = 0; nth < 1000; nth += 1) log.warn('agent.call_refused', { agent: `${nth}` });
  log.warn('agent.call_refused', { agent: 'first' });
  expect(lines.at(-1)).toEqual(['agent.call_refused', { agent: 'first' }]);
});
