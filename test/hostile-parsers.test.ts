/** Parsers of what others write, against anything: each answers, none throws, and no refusal repeats what was given. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RETRY_AFTER_MS, retryAfterMs } from '#protocol';
import { parseFrame } from '../client/stream-event.ts';
import { parseConfig as parseContainerConfig } from '../container/config.ts';
import { parseConfig } from '../src/env.ts';
import { isIntricate } from '../src/http/edge/json-shape.ts';
import { bindings } from './support/bindings.ts';
import { hostileBodies } from './support/hostile-bodies.ts';

const RUNS = { seed: 20_270_301, numRuns: process.env['REEVE_HOSTILE'] === 'full' ? 20_000 : 300 } as const;

const aText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.json(),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  fc.integer().map(String),
  fc.double().map(String),
  fc.constantFrom(
    '',
    ' ',
    ',',
    '__proto__',
    '0x10',
    '1e999',
    '-1',
    'Infinity',
    'null',
    '{"keys":[{}]}',
    'http://[',
    '\u0000',
  ),
);

/** What only a value that is given could bring into a rule. */
const MARK = 'a-value-that-no-rule-holds';

describe('a configuration with anything for a variable is taken or refused, and no rule shows the value', () => {
  const names = [...new Set([...Object.keys(bindings()), 'REEVE_DEV_TOKEN', 'WEBHOOK_KEYS', 'TOKEN_TTL_SECONDS'])];

  it('of the Worker', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), aText, (name, text) => {
        for (const value of [text, `${text}${MARK}`, `${MARK}${text}`]) {
          const config = parseConfig({ ...bindings(), [name]: value });
          if (!config.ok) expect(JSON.stringify(config.error)).not.toContain(MARK);
        }
      }),
      RUNS,
    );
  });

  it('of the control server', () => {
    const own = ['REEVE_API_URL', 'REEVE_ISSUER', 'REEVE_JWKS', 'CONTAINER_PORT', 'CONTAINER_SECRET', 'AGENT_USERS'];
    fc.assert(
      fc.property(fc.constantFrom(...own, 'AGENT_DISK_MB', 'OTEL_EXPORTER_OTLP_HEADERS'), aText, (name, text) => {
        for (const value of [text, `${text}${MARK}`, `${MARK}${text}`]) {
          const config = parseContainerConfig({ REEVE_API_URL: 'https://reeve.example.com', [name]: value });
          if (!config.ok) expect(config.error).not.toContain(MARK);
        }
      }),
      RUNS,
    );
  });
});

describe('what comes from the other end', () => {
  it('Retry-After is a time within its bound, whatever the header says', () => {
    fc.assert(
      fc.property(fc.option(aText), (header) => {
        const ms = retryAfterMs(header);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(MAX_RETRY_AFTER_MS);
      }),
      RUNS,
    );
  });

  it('a frame of a stream is read or is none, also the recorded bodies', () => {
    const frame = { id: '1', type: 'reeve.town.created', subject: 'town', seq: 1, data: { name: 'first' } };
    const texts = hostileBodies(frame).flatMap(({ body }) => (typeof body === 'string' ? [body] : []));
    for (const text of texts) expect(() => parseFrame(text)).not.toThrow();
    fc.assert(
      fc.property(aText, (text) => void parseFrame(text)),
      RUNS,
    );
  });
});

it('the levels of a body are counted as JSON has them, whatever stands in its strings', () => {
  const levelsOf = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) return 0;
    return 1 + Math.max(0, ...Object.values(value).map(levelsOf));
  };
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' }), (value) => {
      const isOver = (levels: number): boolean =>
        isIntricate(new TextEncoder().encode(`${'['.repeat(levels)}${JSON.stringify(value)}${']'.repeat(levels)}`));
      const room = 200 - levelsOf(value);
      expect([isOver(room), isOver(room + 1)]).toEqual([false, true]);
    }),
    RUNS,
  );
});
