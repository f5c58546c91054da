import { describe, expect, test } from 'vitest';
import {
  agentIdSchema,
  bootIdSchema,
  containerNameSchema,
  delegationIdSchema,
  mailIdSchema,
  makeId,
  messageIdSchema,
  permissionIdSchema,
  sessionIdSchema,
  spiffeId,
  splitContainerName,
  townIdSchema,
} from '#protocol';
import { agentId, townId } from '../support/ids.ts';

describe('an id', () => {
  const kinds = [
    ['town', townIdSchema],
    ['agt', agentIdSchema],
    ['msg', messageIdSchema],
    ['mail', mailIdSchema],
    ['dlg', delegationIdSchema],
    ['prm', permissionIdSchema],
    ['ses', sessionIdSchema],
    ['boot', bootIdSchema],
  ] as const;

  test('tells its kind, and one kind is not taken for another', () => {
    for (const [prefix] of kinds) {
      const id = makeId(prefix, crypto.getRandomValues(new Uint8Array(20)));
      expect(kinds.filter(([, schema]) => schema.safeParse(id).success).map(([kind]) => kind)).toEqual([prefix]);
    }
  });

  test('is safe in a path, in a file name and in a SPIFFE id', () => {
    for (let byte = 0; byte < 256; byte += 1) {
      expect(makeId('agt', new Uint8Array(20).fill(byte))).toMatch(/^agt_[0-9a-z]{20}$/);
    }
  });

  test('draws each of its 32 characters equally often', () => {
    const counts = new Map<string, number>();
    for (let byte = 0; byte < 256; byte += 1) {
      const character = makeId('agt', new Uint8Array(20).fill(byte)).at(-1) ?? '';
      counts.set(character, (counts.get(character) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual(Array.from({ length: 32 }, () => 8));
  });

  test('needs all of its random bytes', () => {
    expect(() => makeId('agt', new Uint8Array(19))).toThrow(RangeError);
  });

  test('a container has one name: its index has no leading zero, and may be as high as a town ever counts', () => {
    const names = (indexes: readonly string[]) =>
      indexes.map((index) => containerNameSchema.safeParse(`${townId(1)}:${index}`).success);
    expect(names(['0', '1', '999', '1000', '999999'])).toEqual([true, true, true, true, true]);
    expect(names(['00', '01', '007', '1000000', '', '-1', '1.0'])).toEqual(Array.from({ length: 7 }, () => false));
  });

  test('is refused in any other form', () => {
    for (const bad of [
      '',
      'agt_',
      agentId(1).slice(1),
      `${agentId(1)}0`,
      agentId(1).toUpperCase(),
      `${agentId(1)}\n`,
      ` ${agentId(1)}`,
    ]) {
      expect(agentIdSchema.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
    }
    for (const odd of ['i', 'l', 'o', 'u'])
      expect(agentIdSchema.safeParse(`agt_${odd.repeat(20)}`).success).toBe(false);
  });
});

describe('the name of a container', () => {
  test('is a town and an index, and comes apart again', () => {
    for (const index of [0, 7, 999]) {
      const name = containerNameSchema.parse(`${townId(1)}:${index}`);
      expect(splitContainerName(name)).toEqual({ town: townId(1), index });
    }
    for (const bad of [
      townId(1),
      `${townId(1)}:`,
      `${townId(1)}:1000000`,
      `${townId(1)}:-1`,
      `${townId(1)}:1:2`,
      ':1',
    ]) {
      expect(containerNameSchema.safeParse(bad).success, bad).toBe(false);
    }
  });
});

test('the SPIFFE id of an agent is made of its trust domain, town and id', () => {
  expect(spiffeId('reeve.example.com', townId(1), agentId(2))).toBe(
    `spiffe://reeve.example.com/town/${townId(1)}/agent/${agentId(2)}`,
  );
});
