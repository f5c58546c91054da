/** Who opens a stream: a caller with a ticket that is new, whole, of this town, and of one of its members. */
import { SELF, createExecutionContext, env } from 'cloudflare:test';
import { beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../../src/http/app.ts';
import { edgeOf } from '../../../src/http/edge/edge.ts';
import type { Person } from '../../../src/people/person.ts';
import { sha256 } from '../../../src/lib/secret.ts';
import {
  MAX_STREAMS_PER_PERSON,
  MAX_STREAMS_PER_TOWN,
  MAX_TICKETS_PER_TOWN,
  READER_SILENT_MS,
  STREAM_REQUEST_HEADER,
  makeId,
  writeStreamRequest,
} from '../../../src/protocol/index.ts';
import { tablesOf } from '../support/footprint.ts';
import { asMember } from '../support/as-member.ts';
import { lab } from '../support/lab.ts';
import { inside } from '../support/inside.ts';
import { RawReader, knockAt, readersOf, refusalOf, ticketFor } from '../support/raw-reader.ts';
import { giveAway } from '../support/scene.ts';
import { TestTown } from '../support/town.ts';
import { weather } from '../support/weather.ts';
import { DEV_TOKEN, PUBLIC_URL, deployment } from '../support/wiring.ts';

const UPGRADE = { upgrade: 'websocket' };
const knock = async (town: string, ticket: string) => refusalOf(await knockAt(town, { ticket }));
const tablesOfTown = (town: TestTown) => tablesOf(town.id, town.stub);

let town: TestTown;

beforeEach(async () => {
  town = await TestTown.create();
});

/** Refused, nothing was accepted, and nothing written. */
async function expectRefused(refusal: string, work: () => Promise<string>): Promise<void> {
  const before = await tablesOfTown(town);
  expect(await work()).toBe(refusal);
  expect(await readersOf(town)).toEqual([]);
  expect(await tablesOfTown(town)).toEqual(before);
}

describe('a ticket', () => {
  it('is 256 bits for 30 seconds, and no-store; of its text only the SHA-256 is stored', async () => {
    const { status, headers, body } = await town.api<{ ticket: string; expires_at: string }>('POST', '/tickets');
    expect([status, headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(body.ticket).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(body.expires_at).toBe(new Date(lab.clock.now() + 30_000).toISOString());
    const tables = JSON.stringify(await tablesOfTown(town));
    expect(tables).toContain(await sha256(body.ticket));
    expect(tables).not.toContain(body.ticket);
  });

  it('opens one stream: the second time it is refused, at once and of two at the same time, too', async () => {
    const ticket = await ticketFor(town);
    expect(await knock(town.id, ticket)).toBe('opened');
    expect(await knock(town.id, ticket)).toBe('401 invalid_token');
    const other = await ticketFor(town);
    const both = await Promise.all([knock(town.id, other), knock(town.id, other)]);
    expect(both.toSorted()).toEqual(['401 invalid_token', 'opened']);
  });

  it('opens until its last millisecond, and not after', async () => {
    const [one, other] = [await ticketFor(town), await ticketFor(town)];
    lab.clock.advance(29_999);
    expect(await knock(town.id, one)).toBe('opened');
    lab.clock.advance(1);
    expect(await knock(town.id, other)).toBe('401 invalid_token');
  });

  it('of another town of the same person is refused', async () => {
    const ticket = await ticketFor(await TestTown.create());
    await expectRefused('401 invalid_token', () => knock(town.id, ticket));
  });

  it('of a person whose membership ended meanwhile is refused', async () => {
    const ticket = await ticketFor(town);
    await giveAway(town, 'somebody-else');
    await expectRefused('401 invalid_token', () => knock(town.id, ticket));
  });

  it('that is cut short, changed or lengthened is refused; none at all is unauthenticated', async () => {
    const ticket = await ticketFor(town);
    const wrong = [
      ticket.slice(1),
      `${ticket}A`,
      `${ticket.startsWith('A') ? 'B' : 'A'}${ticket.slice(1)}`,
      ticket.toUpperCase(),
      '',
      'x'.repeat(9000),
      DEV_TOKEN,
    ];
    for (const text of wrong) await expectRefused('401 invalid_token', () => knock(town.id, text));
    await expectRefused('401 unauthenticated', async () => refusalOf(await knockAt(town.id, {})));
    expect(await knock(town.id, ticket)).toBe('opened');
  });

  it('is what counts, and no credential in a header', async () => {
    const headers = { ...UPGRADE, authorization: `Bearer ${DEV_TOKEN}` };
    await expectRefused('401 unauthenticated', async () => refusalOf(await knockAt(town.id, {}, headers)));
    const bearer = { ...UPGRADE, authorization: `Bearer ${await ticketFor(town)}` };
    await expectRefused('401 unauthenticated', async () => refusalOf(await knockAt(town.id, {}, bearer)));
  });

  it('M-13: for a town that is not there is refused before an object is touched', async () => {
    const ghost = makeId('town', crypto.getRandomValues(new Uint8Array(20)));
    const ticket = await ticketFor(town);
    expect(await knock(ghost, ticket)).toBe('401 invalid_token');
    expect(await knock('town', ticket)).toBe('401 invalid_token');
    expect(await tablesOf('ghost', env.TOWN.getByName(ghost))).toEqual({});
  });

  it('is not used up by a request that is no upgrade, or that asks for nonsense', async () => {
    const ticket = await ticketFor(town);
    await expectRefused('400 invalid_request', async () => refusalOf(await knockAt(town.id, { ticket }, {})));
    for (const after of ['-1', '1.5', 'x', '1e400']) {
      await expectRefused('400 invalid_request', async () => refusalOf(await knockAt(town.id, { ticket, after })));
    }
    expect(await knock(town.id, ticket)).toBe('opened');
  });

  it.each([
    ['tickets.remove', 'dies before'],
    ['tickets.remove', 'dies after'],
    ['tickets.remove', 'breaks after'],
    ['transaction', 'dies after'],
  ] as const)(
    'in use when its town breaks (%s %s) leaves no reader behind, and another one opens',
    async (effect, fault) => {
      const [ticket, other] = [await ticketFor(town), await ticketFor(town)];
      weather.begin(town.id, { layer: 'town', effect, nth: 1, fault });
      // Refused, or opened just before the town dies: then the connection dies with it.
      const reader = await RawReader.with(town, ticket).catch(() => null);
      await reader?.until(({ closed }) => closed !== null);
      expect(weather.struck).toBe(true);
      weather.end();
      expect(await readersOf(town)).toEqual([]);
      expect(await knock(town.id, other)).toBe('opened');
    },
  );

  it('cannot be spoken for by a header of the caller', async () => {
    const headers = { ...UPGRADE, 'x-reeve-stream': encodeURIComponent('{"digest":"x","after":0}') };
    await expectRefused('401 invalid_token', async () =>
      refusalOf(await knockAt(town.id, { ticket: 'A'.repeat(43) }, headers)),
    );
  });

  it('that the platform brings a second time is the same one, also where no more may wait; another with its digest is refused', async () => {
    const me = asMember(town.id, 'dev');
    await town.api('PUT', '/members/eve', { role: 'viewer' });
    const expiresAtMs = lab.clock.now() + 30_000;
    const ticket = { digest: 'd', expiresAtMs, endsAtMs: expiresAtMs };
    expect(await me.addTicket(ticket)).toMatchObject({ ok: true });
    const before = await tablesOfTown(town);
    expect(await me.addTicket(ticket)).toMatchObject({ ok: true });
    expect(await asMember(town.id, 'eve').addTicket(ticket)).toMatchObject({ ok: false });
    expect(await tablesOfTown(town)).toEqual(before);
    await inside(town, (p) => {
      for (let nth = 1; nth < MAX_TICKETS_PER_TOWN; nth += 1) {
        p.tickets.add({ ...ticket, person: 'dev', digest: `d${nth}` }, MAX_TICKETS_PER_TOWN, lab.clock.now());
      }
    });
    expect(await me.addTicket(ticket)).toMatchObject({ ok: true });
    expect(await me.addTicket({ ...ticket, digest: 'one more' })).toMatchObject({ ok: false });
  });
});

describe('a header of the caller', () => {
  it('opens nothing, though it names a ticket that is good: what counts is the ticket in the address', async () => {
    const ticket = await ticketFor(town);
    const header = writeStreamRequest({ digest: await sha256(ticket), after: 0 });
    const headers = { ...UPGRADE, [STREAM_REQUEST_HEADER]: header };
    await expectRefused('401 invalid_token', async () =>
      refusalOf(await knockAt(town.id, { ticket: 'A'.repeat(43) }, headers)),
    );
    await expectRefused('401 unauthenticated', async () => refusalOf(await knockAt(town.id, {}, headers)));
    expect(await knock(town.id, ticket)).toBe('opened');
  });
});

describe('limits', () => {
  it(`${MAX_TICKETS_PER_TOWN} tickets may wait, and one more is 429 until they expire`, async () => {
    await inside(town, (p) => {
      for (let nth = 1; nth < MAX_TICKETS_PER_TOWN; nth += 1) {
        const expiresAtMs = p.clock.now() + 30_000;
        p.tickets.add({ digest: `d${nth}`, person: 'dev', expiresAtMs, endsAtMs: expiresAtMs }, 1000, p.clock.now());
      }
    });
    const status = async () => (await town.api('POST', '/tickets')).status;
    expect([await status(), await status()]).toEqual([201, 429]);
    lab.clock.advance(30_000);
    expect(await status()).toBe(201);
  });

  it(`${MAX_STREAMS_PER_PERSON} streams of one person, ${MAX_STREAMS_PER_TOWN} of a town; a ticket that finds no room is kept`, async () => {
    for (let nth = 1; nth < MAX_STREAMS_PER_PERSON; nth += 1) await RawReader.open(town);
    const last = await RawReader.open(town);
    const ticket = await ticketFor(town);
    expect(await knock(town.id, ticket)).toBe('429 limit_exceeded');
    last.close();
    await expect.poll(async () => (await readersOf(town)).length).toBe(MAX_STREAMS_PER_PERSON - 1);
    await RawReader.with(town, ticket);
    // Another member finds what is left.
    await town.api('PUT', '/members/eve', { role: 'viewer' });
    const eves = async (nth: number) => {
      const text = String(nth).padStart(43, 'A');
      const digest = await sha256(text);
      await inside(town, (p) => {
        const now = p.clock.now();
        p.tickets.add({ digest, person: 'eve', expiresAtMs: now + 30_000, endsAtMs: now + 60_000 }, 1000, now);
      });
      return text;
    };
    for (let nth = MAX_STREAMS_PER_PERSON; nth < MAX_STREAMS_PER_TOWN; nth += 1) {
      await RawReader.with(town, await eves(nth));
    }
    expect(await knock(town.id, await eves(999))).toBe('429 limit_exceeded');
  });
});

describe('a full house', () => {
  /** Fills all places of one person; the last sign of each is its arrival. */
  async function fill(): Promise<RawReader[]> {
    const readers: RawReader[] = [];
    for (let nth = 0; nth < MAX_STREAMS_PER_PERSON; nth += 1) readers.push(await RawReader.open(town));
    return readers;
  }

  it('gives the place of the reader that is silent for longest to the next, and none of one that sent something within 75 seconds', async () => {
    const readers = await fill();
    const [first, second] = readers;
    lab.clock.advance(READER_SILENT_MS);
    expect(await knock(town.id, await ticketFor(town))).toBe('429 limit_exceeded');
    // All but two say something, and nothing of it is news.
    const head = await inside(town, (p) => p.events.head());
    for (const reader of readers.slice(2)) reader.ack(head);
    lab.clock.advance(1);
    await expect
      .poll(async () => (await readersOf(town)).filter(({ heardAtMs }) => heardAtMs >= lab.clock.now() - 1))
      .toHaveLength(98);
    await RawReader.open(town);
    await RawReader.open(town);
    for (const gone of [first, second]) {
      await gone?.until(({ closed }) => closed !== null);
      expect(gone?.closed).toEqual({ code: 4008, reason: 'reconnect with after' });
    }
    const ticket = await ticketFor(town);
    expect(await knock(town.id, ticket)).toBe('429 limit_exceeded');
    expect(await readersOf(town)).toHaveLength(MAX_STREAMS_PER_PERSON);
    lab.clock.advance(1000);
    readers[5]?.close();
    await expect.poll(async () => (await readersOf(town)).length).toBe(MAX_STREAMS_PER_PERSON - 1);
    expect(await knock(town.id, ticket)).toBe('opened');
  });

  it('knows by the time of the last ping who is silent, which the platform answers and the town never sees', async () => {
    const readers = await fill();
    // The platform's own time is that of the real clock, behind the lab's: nothing else counts as a sign here.
    await inside(town, (p) => {
      for (const { socket, reader } of p.readers.open()) p.readers.keep(socket, { ...reader, heardAtMs: 0 });
    });
    for (const [nth, reader] of readers.entries()) {
      if (nth === 7) continue;
      const before = reader.events.length;
      reader.send('{"type":"ping"}');
      await reader.until(({ events }) => events.length > before);
    }
    await RawReader.open(town);
    await readers[7]?.until(({ closed }) => closed !== null);
    expect(readers.filter(({ closed }) => closed !== null)).toEqual([readers[7]]);
  });
});

describe('the end of a stream', () => {
  it.each([
    ['is that of the credential', 10 * 60_000, 10 * 60_000],
    ['comes after an hour where the credential lasts longer', 24 * 3_600_000, 3_600_000],
    ['comes with the ticket where the credential ends before', 5000, 5000],
  ])('%s', async (_, credentialMs, streamMs) => {
    const { config, issuer } = await deployment();
    const person: Person = { id: 'dev', endsAtMs: lab.clock.now() + credentialMs, scope: 'admin', key: null };
    const people = { authenticate: async () => person };
    const app = createApp({ ...edgeOf(env, config), clock: lab.clock, issuer, people });
    const request = new Request(`${PUBLIC_URL}/v1/towns/${town.id}/tickets`, {
      method: 'POST',
      headers: { authorization: 'Bearer whatever' },
    });
    const answer = await app.fetch(request, {}, createExecutionContext());
    const { ticket, expires_at: expiresAt } = await answer.json<{ ticket: string; expires_at: string }>();
    expect(Date.parse(expiresAt) - lab.clock.now()).toBe(Math.min(30_000, credentialMs));
    const reader = await RawReader.with(town, ticket);
    const endsAtMs = lab.clock.now() + streamMs;
    expect(await readersOf(town)).toMatchObject([{ person: 'dev', endsAtMs }]);
    await reader.until(({ events }) => events.length > 0);
    expect(reader.events[0]?.data['ends_at']).toBe(new Date(endsAtMs).toISOString());
    await town.elapse(streamMs);
    await reader.until(({ closed }) => closed !== null);
    expect(reader.closed).toEqual({ code: 4001, reason: 'the credential ended' });
  });
});

describe('the description of the API', () => {
  it('names the stream as open to a caller with a ticket, with no bearer', async () => {
    const response = await SELF.fetch(`${PUBLIC_URL}/openapi.json`);
    const { paths } = await response.json<{ paths: Record<string, { get?: { security?: unknown } }> }>();
    expect(paths['/v1/towns/{town}/stream']?.get?.security).toEqual([{ ticket: [] }]);
  });
});
