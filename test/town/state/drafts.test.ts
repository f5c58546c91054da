import { describe, expect, it } from 'vitest';
import type { After } from '../../../src/lib/clock.ts';
import { Drafts, type Piece } from '../../../src/town/state/drafts.ts';
import { messageId } from '../../support/ids.ts';

const [one, two] = [messageId(1), messageId(2)];
const never: After = () => () => undefined;
const text = (said: string): Piece => ({ kind: 'text', text: said, ref: '' });
const saidIn = (drafts: Drafts, message = one): string | null =>
  drafts
    .of(message)
    ?.pieces.map((piece) => piece.text)
    .join('') ?? null;

describe('what a turn shows', () => {
  it('is kept from its beginning; of a turn whose beginning was not seen nothing is', () => {
    const drafts = new Drafts(never);
    drafts.add(one, 1, text('the middle'));
    expect(drafts.of(one)).toBeNull();
    drafts.begin(one, 1);
    drafts.add(one, 1, text('good '));
    drafts.begin(one, 1);
    drafts.add(one, 1, text('morning'));
    expect(saidIn(drafts)).toBe('good morning');
  });

  it('is that of the last attempt alone', () => {
    const drafts = new Drafts(never);
    drafts.begin(one, 1);
    drafts.add(one, 1, text('lost'));
    drafts.begin(one, 2);
    drafts.add(one, 1, text('late'));
    drafts.add(one, 2, text('again'));
    expect(drafts.of(one)).toEqual({ attempt: 2, pieces: [text('again')], units: expect.any(Number) });
  });

  it('is kept up to the limit of a turn, and nothing after the first piece beyond it', () => {
    const drafts = new Drafts(never, 200);
    drafts.begin(one, 1);
    drafts.add(one, 1, text('x'.repeat(200 - 64)));
    expect(saidIn(drafts)).toHaveLength(136);
    drafts.add(one, 1, text('y'));
    drafts.add(one, 1, text(''));
    expect(drafts.of(one)?.pieces).toHaveLength(1);
  });

  it('gives way to a younger turn past the limit of all', () => {
    const drafts = new Drafts(never, 1000, 200);
    drafts.begin(one, 1);
    drafts.add(one, 1, text('x'));
    drafts.begin(two, 1);
    drafts.add(two, 1, text('y'.repeat(71)));
    expect([saidIn(drafts), saidIn(drafts, two)]).toEqual(['x', 'y'.repeat(71)]);
    drafts.add(two, 1, text('z'));
    expect([drafts.of(one), saidIn(drafts, two)]).toEqual([null, `${'y'.repeat(71)}z`]);
  });

  it('wakes those who wait for it, and no others', async () => {
    const drafts = new Drafts(never);
    const woken: string[] = [];
    const waits = [one, two].map((message) => drafts.wait(message, 1000).then(() => woken.push(message)));
    drafts.begin(one, 1);
    await waits[0];
    expect(woken).toEqual([one]);
    drafts.wake([two]);
    await waits[1];
  });
});
