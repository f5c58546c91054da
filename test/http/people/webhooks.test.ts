import { beforeEach, describe, expect, test } from 'vitest';
import { MAX_EVENT_FILTERS, isWanted, problemSchema, webhookWithSecretSchema } from '#protocol';
import { FOREIGN, OWN, makeScene, type EdgeScene } from '../../support/fake-edge.ts';

const KEY = 'a-key-for-the-secrets-of-webhooks-in-tests';
const WEBHOOKS = `/v1/towns/${OWN}/webhooks`;
const ORDER = { url: 'https://hooks.example.com/reeve', events: ['reeve.turn.finished'] };

let scene: EdgeScene;
beforeEach(async () => void (scene = await makeScene({ WEBHOOK_KEYS: KEY })));

const refusal = async (method: string, path: string, json?: unknown): Promise<string> => {
  const response = await scene.send(method, path, { json });
  if (response.ok) return String(response.status);
  const { code, errors = [] } = problemSchema.parse(await response.json());
  return [response.status, code, ...errors.map((fault) => fault.path)].join(' ');
};

describe('a webhook', () => {
  test('is answered with its secret once, which no store may keep and no town is sent', async () => {
    const response = await scene.send('POST', WEBHOOKS, { json: ORDER });
    const { secret } = webhookWithSecretSchema.parse(await response.json());
    expect([response.status, response.headers.get('cache-control')]).toEqual([201, 'no-store']);
    expect(secret).toMatch(/^whsec_/);
    expect(JSON.stringify(scene.calls)).not.toContain(secret.slice('whsec_'.length));
    expect(JSON.stringify(scene.calls)).not.toContain(KEY);
    expect(scene.calls.map(({ method }) => method)).toEqual(['webhooks.add']);
  });

  test('is not made without a key of the deployment, and no town is asked', async () => {
    scene = await makeScene();
    expect(await refusal('POST', WEBHOOKS, ORDER)).toBe('501 not_supported');
    expect(scene.calls).toEqual([]);
  });

  test.each([
    [{ ...ORDER, url: 'http://hooks.example.com/' }, '400 invalid_request url'],
    [{ ...ORDER, url: 'https://user@hooks.example.com/' }, '400 invalid_request url'],
    [{ ...ORDER, url: 'x'.repeat(2049) }, '400 invalid_request url'],
    [{ ...ORDER, events: [] }, '400 invalid_request events'],
    [{ ...ORDER, events: ['reeve.turn.finnished'] }, '400 invalid_request events.0'],
    [{ ...ORDER, events: ['*'] }, '400 invalid_request events.0'],
    [{ ...ORDER, events: ['reeve.webhook.*'] }, '400 invalid_request events.0'],
    [
      { ...ORDER, events: Array.from({ length: MAX_EVENT_FILTERS + 1 }, () => 'reeve.*') },
      '400 invalid_request events',
    ],
    [{ ...ORDER, description: 'x'.repeat(201) }, '400 invalid_request description'],
    [{ ...ORDER, secret: 'whsec_mine' }, '400 invalid_request '],
  ])('is refused for %j', async (order, refused) => {
    expect(await refusal('POST', WEBHOOKS, order)).toBe(refused);
    expect(scene.calls).toEqual([]);
  });

  test('is changed only to an address that may be posted to', async () => {
    const path = `${WEBHOOKS}/hook_${'0'.repeat(20)}`;
    expect(await refusal('PATCH', path, { url: 'http://hooks.example.com/' })).toBe('400 invalid_request url');
    expect(await refusal('PATCH', path, { enabled: 'yes' })).toBe('400 invalid_request enabled');
  });

  test('of a town of others is not there, and their town is not touched', async () => {
    expect(await refusal('GET', `/v1/towns/${FOREIGN}/webhooks`)).toBe('404 not_found');
    expect(scene.calls).toEqual([]);
  });
});

test('a filter lets through its type, or all that begin as it does, and never what is told of webhooks', () => {
  expect(isWanted(['reeve.turn.finished'], 'reeve.turn.finished')).toBe(true);
  expect(isWanted(['reeve.turn.finished'], 'reeve.turn.started')).toBe(false);
  expect(isWanted(['reeve.turn.*'], 'reeve.turn.started')).toBe(true);
  expect(isWanted(['reeve.to.*'], 'reeve.town.created')).toBe(false);
  expect(isWanted(['reeve.*', 'reeve.webhook.disabled'], 'reeve.webhook.disabled')).toBe(false);
});
