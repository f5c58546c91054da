import { describe, expect, it } from 'vitest';
import { firstAbort } from '../../../container/lib/first-abort.ts';

describe('firstAbort', () => {
  it('ends with the first of its sources, and with one that has ended before', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const { signal } = firstAbort(one.signal, two.signal);
    expect(signal.aborted).toBe(false);
    two.abort();
    expect(signal.aborted).toBe(true);
    expect(firstAbort(one.signal, two.signal).signal.aborted).toBe(true);
  });

  it('leaves no ear at a source, whichever way it ends', () => {
    const [long, short] = [counted(), counted()];
    firstAbort(long.signal, short.signal).end();
    const second = firstAbort(long.signal, short.signal);
    short.abort();
    second.end();
    firstAbort(long.signal, short.signal);
    expect([long.ears(), short.ears()]).toEqual([0, 0]);
  });
});

/** A signal that counts who listens. */
function counted(): { readonly signal: AbortSignal; abort(): void; ears(): number } {
  const life = new AbortController();
  let ears = 0;
  const { signal } = life;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  const heard = new Set<unknown>();
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    heard.add(args[1]);
    ears = heard.size;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    heard.delete(args[1]);
    ears = heard.size;
    remove(...args);
  };
  return { signal, abort: () => life.abort(), ears: () => ears };
}
