import { beforeEach, describe, expect, test } from 'vitest';
import { openSessionSchema } from '#protocol';
import { migrate } from '../../src/lib/migrate.ts';
import { sha256 } from '../../src/lib/secret.ts';
import { ControlClient } from '../../src/link/control-client.ts';
import { handshake, type HandshakePorts } from '../../src/link/handshake.ts';
import { LINK_SCHEMA, SessionStore } from '../../src/link/session-store.ts';
import { FakeControl, problemText } from '../support/fake-control.ts';
import { bootId, containerName, sessionId } from '../support/ids.ts';
import { objectStorage } from '../support/sqlite.ts';

const NOW_MS = Date.UTC(2030, 0, 1);
const CONTAINER = containerName(1, 3);

let control: FakeControl;
let ports: HandshakePorts;
let nowMs: number;

beforeEach(() => {
  control = new FakeControl();
  nowMs = NOW_MS;
  const storage = objectStorage();
  migrate(storage, LINK_SCHEMA);
  ports = {
    store: new SessionStore(storage.sql),
    client: new ControlClient(control.backend, async () => 'push.token', CONTAINER, 1000),
    clock: { now: () => nowMs },
    container: CONTAINER,
    heartbeatSeconds: 30,
  };
});

const openings = () => control.requests.filter(({ path }) => path === '/session');
const lastOpening = () => openSessionSchema.parse(JSON.parse(openings().at(-1)?.body ?? ''));

/** The session that a handshake ended in. */
async function open(): Promise<string> {
  const answer = await handshake(ports);
  if (answer.kind !== 'answered') throw new Error(`no session: ${answer.kind}`);
  return answer.value;
}

describe('A-26: a handshake', () => {
  test('A-26: opens a session for the boot that health shows, and remembers the digest of its secret only', async () => {
    const session = await open();
    const { secret, ...opening } = lastOpening();
    expect(opening).toEqual({
      version: 1,
      container: CONTAINER,
      session,
      epoch: NOW_MS,
      heartbeat_seconds: 30,
    });
    expect(ports.store.get()).toEqual({
      session,
      boot: control.boot,
      epoch: NOW_MS,
      secretDigest: await sha256(secret),
      answered: true,
    });
    expect(control.session).toBe(session);
  });

  test('A-26: opens nothing where the stored session was confirmed by the boot that still runs', async () => {
    const session = await open();
    expect(await open()).toBe(session);
    expect(openings()).toHaveLength(1);
  });

  test('A-26: opens a newer session after a restart of the process', async () => {
    const first = await open();
    const { secret } = lastOpening();
    control.boot = bootId(2);
    control.session = null;
    const second = await open();
    expect(second).not.toBe(first);
    expect(lastOpening().secret).not.toBe(secret);
    expect(lastOpening().epoch).toBe(NOW_MS + 1);
    expect(ports.store.get()).toMatchObject({ session: second, boot: bootId(2), answered: true });
  });

  test('A-26: opens a newer one where the stored session was lost, though the boot is the same', async () => {
    const first = await open();
    ports.store.lost(ports.store.get()?.session ?? sessionId(9));
    expect(await open()).not.toBe(first);
    expect(lastOpening().epoch).toBe(NOW_MS + 1);
  });

  test('epochs only grow: also where the clock goes back, and above those of a restored database', async () => {
    await open();
    control.boot = bootId(2);
    nowMs = NOW_MS - 3_600_000;
    await open();
    expect(lastOpening().epoch).toBe(NOW_MS + 1);
    control.boot = bootId(3);
    nowMs = NOW_MS + 3_600_000;
    await open();
    expect(lastOpening().epoch).toBe(NOW_MS + 3_600_000);
  });
});

describe('a handshake that fails', () => {
  test('leaves an unanswered row, and the next one opens a newer session', async () => {
    let sent = 0;
    const { backend } = control;
    const client = new ControlClient(
      {
        ...backend,
        fetch: async (path, init) => {
          const answer = await backend.fetch(path, init);
          // The container took it; the answer is lost on its way.
          if (path === '/session' && (sent += 1) === 1) throw new TypeError('connection reset');
          return answer;
        },
      },
      async () => 'push.token',
      CONTAINER,
      1000,
    );
    ports = { ...ports, client };
    expect(await handshake(ports)).toMatchObject({ kind: 'unreachable', reason: 'transport' });
    const held = ports.store.get();
    expect(held).toMatchObject({ answered: false, epoch: NOW_MS, session: control.session });
    const session = await open();
    expect(session).not.toBe(held?.session);
    expect(control.session).toBe(session);
    expect(ports.store.get()).toMatchObject({ session, epoch: NOW_MS + 1, answered: true });
  });

  test('at health stores nothing and opens nothing', async () => {
    control.instead = () => new Response('starting', { status: 503, headers: { 'retry-after': '7' } });
    expect(await handshake(ports)).toMatchObject({ kind: 'unreachable', reason: 'busy', retryAfterMs: 7000 });
    expect(ports.store.get()).toBeNull();
    expect(openings()).toEqual([]);
  });

  test('A-27: replaces a session that is refused, though it was confirmed; one that was replaced meanwhile it leaves alone', async () => {
    const first = await open();
    const answer = await handshake(ports, ports.store.get()?.session);
    expect(answer).toMatchObject({ kind: 'answered', value: control.session });
    expect(control.session).not.toBe(first);
    expect(await handshake(ports, sessionId(9))).toEqual(answer);
    expect(openings()).toHaveLength(2);
  });

  test('A-27: by a 401 to the opening as well keeps the session that the container holds, and uses no epoch twice', async () => {
    await open();
    const held = ports.store.get();
    const { backend } = control;
    const fetch: typeof backend.fetch = async (path, init) => {
      if (path === '/session') return new Response(problemText('unauthorized'), { status: 401 });
      return backend.fetch(path, init);
    };
    const client = new ControlClient({ ...backend, fetch }, async () => 'push.token', CONTAINER, 1000);
    expect(await handshake({ ...ports, client }, held?.session)).toMatchObject({
      kind: 'unreachable',
      reason: 'unauthorized',
    });
    expect(ports.store.get()).toEqual({ ...held, epoch: NOW_MS + 1 });
    expect(await handshake(ports, held?.session)).toMatchObject({ kind: 'answered' });
    expect(lastOpening().epoch).toBe(NOW_MS + 2);
  });

  test('by a 401 to the first opening keeps nothing', async () => {
    const { backend } = control;
    const fetch: typeof backend.fetch = async (path, init) => {
      if (path === '/session') return new Response(problemText('unauthorized'), { status: 401 });
      return backend.fetch(path, init);
    };
    ports = { ...ports, client: new ControlClient({ ...backend, fetch }, async () => 'push.token', CONTAINER, 1000) };
    expect(await handshake(ports)).toMatchObject({ kind: 'unreachable', reason: 'unauthorized' });
    expect(ports.store.get()).toMatchObject({ answered: false });
  });

  test('by the refusal of a newer session is reported as a refusal, and is not taken for an open session', async () => {
    control.epoch = NOW_MS + 1_000_000;
    expect(await handshake(ports)).toMatchObject({ kind: 'unreachable', reason: 'refused' });
    expect(ports.store.get()).toMatchObject({ answered: false });
  });

  test('by an unknown session, which makes no sense here, is a refusal too', async () => {
    const { backend } = control;
    const fetch: typeof backend.fetch = async (path, init) => {
      if (path === '/session') return new Response(problemText('unknown_session'), { status: 409 });
      return backend.fetch(path, init);
    };
    ports = { ...ports, client: new ControlClient({ ...backend, fetch }, async () => 'push.token', CONTAINER, 1000) };
    expect(await handshake(ports)).toMatchObject({ kind: 'unreachable', detail: '409 unknown_session' });
  });
});
