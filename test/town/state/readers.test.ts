import { describe, expect, test } from 'vitest';
import { newReader, type Reader } from '../../../src/events/reader.ts';
import { Readers } from '../../../src/town/state/readers.ts';

interface Given {
  readonly person: string;
  readonly state?: number;
  readonly heardAtMs?: number;
  readonly pingedAtMs?: number;
  readonly bytes?: number;
}

/** Sockets as the platform holds them. */
function readersOf(given: readonly Given[]) {
  const sockets = given.map(({ person, state = WebSocket.OPEN, heardAtMs = 0, bytes = 0 }, at) => {
    const reader: Reader = { ...newReader(person, 0, 0, 1000, heardAtMs), bytes };
    return { at, readyState: state, deserializeAttachment: () => reader } as unknown as WebSocket;
  });
  const readers = new Readers({
    acceptWebSocket: () => undefined,
    setWebSocketAutoResponse: () => undefined,
    getWebSockets: () => sockets,
    getWebSocketAutoResponseTimestamp: (socket: WebSocket) => {
      const at = given[sockets.indexOf(socket)]?.pingedAtMs;
      return at === undefined ? null : new Date(at);
    },
  });
  return { readers, at: (socket: WebSocket | null) => (socket === null ? null : sockets.indexOf(socket)) };
}

describe('the places of a town', () => {
  test('are held by open sockets; one that was cut and is not gone holds none, and what it did not take counts', () => {
    const { readers } = readersOf([
      { person: 'ada', bytes: 5 },
      { person: 'bob' },
      { person: 'ada', state: WebSocket.CLOSING, bytes: 7 },
      { person: 'bob', state: WebSocket.CLOSED, bytes: 2 },
    ]);
    expect(readers.count('ada')).toEqual({ all: 2, own: 1, leftBytes: 9 });
  });

  test('are given up by the reader that is silent for longest: no frame and no ping since', () => {
    const { readers, at } = readersOf([
      { person: 'ada', heardAtMs: 10, pingedAtMs: 90 },
      { person: 'ada', heardAtMs: 40 },
      { person: 'bob', heardAtMs: 20, pingedAtMs: 5 },
      { person: 'ada', heardAtMs: 1, state: WebSocket.CLOSING },
    ]);
    expect(at(readers.longestSilent(null, 100))).toBe(2);
    expect(at(readers.longestSilent('ada', 100))).toBe(1);
    expect(at(readers.longestSilent('ada', 41))).toBe(1);
    expect(at(readers.longestSilent('ada', 40))).toBeNull();
    expect(at(readers.longestSilent('eve', 100))).toBeNull();
  });
});
