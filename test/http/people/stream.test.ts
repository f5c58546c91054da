import { beforeEach, describe, expect, test } from 'vitest';
import { problemSchema, readStreamRequest } from '#protocol';
import { z } from 'zod';
import { sha256 } from '../../../src/lib/secret.ts';
import { FOREIGN, OWN, UNKNOWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';
import { NOW_MS } from '../../support/issuer.ts';

const TICKET = 'Ab1_'.repeat(10) + 'xyz';
const given = { bearer: null, headers: { upgrade: 'websocket' } };
let scene: EdgeScene;

beforeEach(async () => {
  scene = await makeScene();
});

const lastCall = () => scene.calls.at(-1);
const knock = async (query: string, town: string = OWN, more: object = given) => {
  const answer = await scene.send('GET', `/v1/towns/${town}/stream${query}`, more);
  return `${answer.status} ${problemSchema.parse(await answer.json()).code}`;
};

describe('a ticket', () => {
  test('its text goes to its person only: the town gets its SHA-256 and two times from that person', async () => {
    const answer = await scene.send('POST', `/v1/towns/${OWN}/tickets`);
    const { ticket } = z.object({ ticket: z.string() }).parse(await answer.json());
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([201, 'no-store']);
    const [expiresAtMs, endsAtMs] = [NOW_MS + 30_000, NOW_MS + 3_600_000];
    const stored = { digest: await sha256(ticket), expiresAtMs, endsAtMs };
    expect(lastCall()).toEqual({ town: OWN, method: 'addTicket', given: [stored] });
    expect(scene.town.askedBy).toEqual(['dev']);
  });

  test('two are never the same', async () => {
    const made = await Promise.all(
      [1, 2].map(async () => (await scene.send('POST', `/v1/towns/${OWN}/tickets`)).text()),
    );
    expect(new Set(made).size).toBe(2);
  });
});

describe('a stream', () => {
  test('the town is handed the digest and the place, in a request that has nothing else of the caller', async () => {
    const more = { bearer: 'a-bearer', headers: { ...given.headers, cookie: 'a=b', 'x-reeve-stream': 'forged' } };
    expect(await knock(`?ticket=${TICKET}&after=7`, OWN, more)).toBe('401 invalid_token');
    const [url, headers] = z.tuple([z.string(), z.record(z.string(), z.string())]).parse(lastCall()?.given);
    expect(url).toBe('https://town/stream');
    expect(Object.keys(headers).toSorted()).toEqual(['upgrade', 'x-reeve-stream']);
    expect(readStreamRequest(headers['x-reeve-stream'] ?? '')).toEqual({
      digest: await sha256(TICKET),
      after: 7,
    });
    expect(JSON.stringify(scene.calls)).not.toContain(TICKET);
  });

  test('no object is touched without a ticket, with one that cannot be one, for an unknown town, or without an upgrade', async () => {
    expect(await knock('')).toBe('401 unauthenticated');
    expect(await knock('?ticket=short')).toBe('401 invalid_token');
    expect(await knock(`?ticket=${TICKET}`, UNKNOWN)).toBe('401 invalid_token');
    expect(await knock(`?ticket=${TICKET}`, OWN, { bearer: null })).toBe('400 invalid_request');
    expect(await knock(`?ticket=${TICKET}&after=x`)).toBe('400 invalid_request');
    expect((await scene.send('HEAD', `/v1/towns/${OWN}/stream?ticket=${TICKET}`, given)).status).toBe(400);
    expect(scene.calls).toEqual([]);
  });

  test("another person's town decides itself whom a ticket is for", async () => {
    expect(await knock(`?ticket=${TICKET}`, FOREIGN)).toBe('401 invalid_token');
    expect(lastCall()).toMatchObject({ town: FOREIGN, method: 'fetch' });
  });

  test('a town that is full says so, and any other word of it is a plain refusal', async () => {
    for (const [word, refusal] of [
      ['limit_exceeded', '429 limit_exceeded'],
      ['not_found', '401 invalid_token'],
      ['whatever', '401 invalid_token'],
    ] as const) {
      scene.town.instead = () => new Response(word, { status: 403 });
      expect(await knock(`?ticket=${TICKET}`)).toBe(refusal);
    }
  });

  test('T6: no line of the log holds the ticket, when the town fails just then, either', async () => {
    scene.town.instead = () => {
      throw new Error('the town fails');
    };
    expect(await knock(`?ticket=${TICKET}`)).toBe('500 internal');
    expect(scene.log).toHaveLength(1);
    expect(JSON.stringify([scene.log, scene.requests])).not.toContain(TICKET.slice(0, 20));
  });
});
