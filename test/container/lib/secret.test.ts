import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { Secret } from '../../../container/lib/secret.ts';

it('T6: prints as [redacted] in JSON, as a string, in errors and in the inspector', () => {
  const secret = new Secret('hush');
  const texts = [
    JSON.stringify({ secret }),
    String(secret),
    inspect({ secret }, { showHidden: true, depth: 9 }),
    String(new Error('no', { cause: secret }).cause),
  ];
  for (const text of texts) {
    expect(text).toContain('[redacted]');
    expect(text).not.toContain('hush');
  }
  expect(secret.reveal()).toBe('hush');
});
