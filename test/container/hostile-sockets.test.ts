/**
 * The real program against connections that no honest client makes: each ends within its bound, and the next good request is answered.
 * Bodies that come slowly have test/container/control/bodies.test.ts, with a clock. `REEVE_HOSTILE=full` waits for slow headers too.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { healthSchema } from '#protocol';
import { Program } from './support/program.ts';

/** Far more (ms) than an answer takes on any machine, and less than what Node gives a request. */
const BOUND_MS = 10_000;

/** One program for all of them: each finds what the others have left of it. */
let started: Promise<string> | null = null;
const ready = (): Promise<string> =>
  (started ??= new Program({ REEVE_API_URL: 'http://127.0.0.1:9', CONTAINER_PORT: '0' }).ready());
afterAll(() => Program.endAll());

interface Connection {
  readonly socket: Socket;
  /** All that was answered. */
  readonly said: () => string;
  readonly closed: Promise<unknown>;
}

async function open(allowHalfOpen = false): Promise<Connection> {
  const address = await ready();
  const socket = connect({ port: Number(new URL(address).port), host: '127.0.0.1', allowHalfOpen });
  let said = '';
  socket.setEncoding('latin1').on('data', (text: string) => (said += text));
  // A server may cut a connection before all of it is written.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await once(socket, 'connect');
  return { socket, said: () => said, closed };
}

const statusesOf = (said: string): string[] =>
  Array.from(said.matchAll(/^HTTP\/1\.1 (\d{3})/gm), ([, status = '']) => status);

async function isWell(): Promise<boolean> {
  const answer = await fetch(`${await ready()}/health`, { signal: AbortSignal.timeout(BOUND_MS) });
  return healthSchema.safeParse(await answer.json()).success;
}

const HEAD = 'POST /agents/refresh-tokens HTTP/1.1\r\nhost: control\r\n';
const STRANGER = ['401'];
const NO_REQUEST = ['400'];

/** What is sent at once, and every status that comes before the server closes. */
const SENT: readonly (readonly [name: string, bytes: string, statuses: readonly string[]])[] = [
  ['two lengths that differ', `${HEAD}content-length: 5\r\ncontent-length: 6\r\n\r\n12345`, NO_REQUEST],
  ['a length and chunks', `${HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, NO_REQUEST],
  ['an encoding after chunks', `${HEAD}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n`, NO_REQUEST],
  ['a length that is no number', `${HEAD}content-length: 1e3\r\n\r\n`, NO_REQUEST],
  ['a length below nothing', `${HEAD}content-length: -1\r\n\r\n`, NO_REQUEST],
  ['a length of 400 digits', `${HEAD}content-length: ${'9'.repeat(400)}\r\n\r\n`, NO_REQUEST],
  ['lines that end in LF alone', 'GET /health HTTP/1.1\nhost: control\n\n', NO_REQUEST],
  ['a header folded over two lines', 'GET /health HTTP/1.1\r\nhost: control\r\na: b\r\n c\r\n\r\n', NO_REQUEST],
  ['a space before the colon', 'GET /health HTTP/1.1\r\nhost : control\r\n\r\n', NO_REQUEST],
  ['a NUL in a header', 'GET /health HTTP/1.1\r\nhost: control\r\na: \0\r\n\r\n', NO_REQUEST],
  ['two hosts', 'GET /agents HTTP/1.1\r\nhost: one\r\nhost: other\r\nconnection: close\r\n\r\n', STRANGER],
  ['no host', 'GET /agents HTTP/1.1\r\nconnection: close\r\n\r\n', NO_REQUEST],
  ['a host that is none', 'GET /agents HTTP/1.1\r\nhost: %00@[\r\nconnection: close\r\n\r\n', NO_REQUEST],
  ['a target that is no path', 'GET %00 HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\r\n', NO_REQUEST],
  [
    'another address as target',
    'GET http://elsewhere/agents HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\r\n',
    STRANGER,
  ],
  ['a path that leads out', 'GET //../..//etc/passwd HTTP/1.1\r\nhost: control\r\nconnection: close\r\n\r\n', STRANGER],
  [
    '200 KB of headers',
    `GET /health HTTP/1.1\r\nhost: control\r\n${`a: ${'x'.repeat(1000)}\r\n`.repeat(200)}\r\n`,
    ['431'],
  ],
  ['another version', 'GET /health HTTP/9.9\r\nhost: control\r\n\r\n', NO_REQUEST],
  ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', NO_REQUEST],
  ['HTTP/2 without a word', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', NO_REQUEST],
  ['garbage behind a good request', 'GET /health HTTP/1.1\r\nhost: control\r\n\r\n\0\0garbage\r\n\r\n', NO_REQUEST],
  [
    'a request hidden in a body',
    `${HEAD}connection: close\r\ncontent-length: 44\r\n\r\nGET /health HTTP/1.1\r\nhost: control\r\n\r\n12345`,
    STRANGER,
  ],
  ['a chunk of no size', `${HEAD}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n`, NO_REQUEST],
];

describe('bytes that are no request of an honest client', () => {
  it.each(SENT)(
    '%s: are refused, the connection ends, and the next request is answered',
    async (_, bytes, statuses) => {
      const { socket, said, closed } = await open();
      socket.write(bytes, 'latin1');
      const late = setTimeout(() => socket.destroy(new Error('it was left open')), BOUND_MS);
      await closed;
      clearTimeout(late);
      expect(statusesOf(said())).toEqual(statuses);
      expect(await isWell()).toBe(true);
    },
  );
});

describe('a connection that does not go on', () => {
  it('half closed after its request is answered, and ends', async () => {
    const { socket, said, closed } = await open(true);
    socket.end('GET /health HTTP/1.1\r\nhost: control\r\n\r\n');
    await closed;
    expect(statusesOf(said())).toEqual(['200']);
  });

  it.runIf(process.env['REEVE_HOSTILE'] === 'full')(
    'because its headers come a byte a second is cut within two minutes, whatever it goes on with',
    { timeout: 120_000 },
    async () => {
      const { socket, said, closed } = await open();
      socket.write('GET /health HTTP/1.1\r\nhost: control\r\na: ');
      const drip = setInterval(() => socket.write('x'), 1000);
      await closed;
      clearInterval(drip);
      expect(statusesOf(said())).toEqual(['408']);
      expect(await isWell()).toBe(true);
    },
  );

  it('in its hundreds, in the middle of headers or of a body, keeps no other from its answer', async () => {
    const starts = ['', 'GET /health HTTP/1.1\r\nhost: con', `${HEAD}content-length: 100\r\n\r\n{`];
    const open300 = await Promise.all(Array.from({ length: 300 }, () => open()));
    open300.forEach(({ socket }, nth) => socket.write(starts[nth % starts.length] ?? ''));
    expect(await isWell()).toBe(true);
    for (const { socket } of open300) socket.destroy();
    expect(await isWell()).toBe(true);
  });
});
