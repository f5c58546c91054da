import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { IssuedToken } from '#protocol';
import { Cell, HeldToken } from '../../../container/clients/cell.ts';
import { agentId } from '../../support/ids.ts';

const START = Date.UTC(2027, 0, 1);

function issued(changes: Partial<IssuedToken> = {}, ttlSeconds = 3600): IssuedToken {
  return {
    agent: agentId(1),
    inc: 2,
    gen: 5,
    jti: 'jti-five',
    token: 'the-text-of-five',
    issued_at: new Date(START).toISOString(),
    expires_at: new Date(START + ttlSeconds * 1000).toISOString(),
    ...changes,
  };
}

describe('swap', () => {
  const cases: [string, Partial<IssuedToken>, string][] = [
    ['a higher generation', { gen: 6, jti: 'jti-six' }, 'applied'],
    ['the same token', {}, 'current'],
    ['the same generation under another jti', { jti: 'jti-other' }, 'conflict'],
    ['a lower generation', { gen: 4 }, 'stale'],
    ['a higher incarnation', { inc: 3, gen: 6 }, 'incarnation_mismatch'],
    ['a lower incarnation', { inc: 1, gen: 6 }, 'incarnation_mismatch'],
    ['another agent', { agent: agentId(2), gen: 6 }, 'incarnation_mismatch'],
  ];
  for (const [what, change, outcome] of cases) {
    it(`T2: ${what} is ${outcome}`, () => {
      const cell = new Cell(issued());
      expect(cell.swap(issued({ token: 'another-text', ...change }))).toBe(outcome);
      expect(cell.token?.text.reveal()).toBe(outcome === 'applied' ? 'another-text' : 'the-text-of-five');
    });
  }

  it('T3: a closed cell takes nothing', () => {
    const cell = new Cell(issued());
    cell.close();
    expect(cell.swap(issued({ gen: 6 }))).toBe('unknown_agent');
    expect(cell.token).toBeNull();
  });

  it('A-22: who read the old token still has all of the old one', () => {
    const cell = new Cell(issued());
    const read = cell.token;
    cell.swap(
      issued({ gen: 6, jti: 'jti-six', token: 'the-text-of-six', expires_at: new Date(START + 9e6).toISOString() }),
    );
    expect([read?.gen, read?.jti, read?.text.reveal(), read?.expiresAtMs]).toEqual([
      5,
      'jti-five',
      'the-text-of-five',
      START + 3.6e6,
    ]);
    expect([cell.token?.gen, cell.token?.text.reveal(), cell.token?.expiresAtMs]).toEqual([
      6,
      'the-text-of-six',
      START + 9e6,
    ]);
  });
});

describe('the window of W-04', () => {
  it('is five minutes for a long life', () => {
    const token = new HeldToken(issued({}, 10_800));
    expect(token.isDue(START + (10_800 - 300) * 1000)).toBe(false);
    expect(token.isDue(START + (10_800 - 300) * 1000 + 1)).toBe(true);
  });

  it('is a sixth of a short life', () => {
    const token = new HeldToken(issued({}, 60));
    expect(token.isDue(START + 50_000)).toBe(false);
    expect(token.isDue(START + 50_001)).toBe(true);
  });

  it('W-05: an expired token is due', () => {
    expect(new HeldToken(issued()).isDue(START + 1e9)).toBe(true);
  });
});

it('T6: a held token prints as [redacted] wherever it is put', () => {
  const token = new HeldToken(issued());
  for (const text of [
    JSON.stringify(token),
    inspect(token, { showHidden: true }),
    String(token.text),
    inspect({ token: token.text }),
  ]) {
    expect(text).toContain('[redacted]');
    expect(text).not.toContain('the-text-of-five');
  }
});
