import { describe, expect, test } from 'vitest';
import { PROBLEMS, exchangedTokenSchema, introspectionSchema, oauthErrorSchema } from '#protocol';
import { OWN, FOREIGN, makeScene, type Given } from '../../support/fake-edge.ts';
import { agentId } from '../../support/ids.ts';
import { NOW_S } from '../../support/issuer.ts';

const scene = await makeScene();
const subject = await scene.agentToken({ scopes: ['exchange'] });
const AUDIENCE = 'https://third.example';
const EXCHANGE = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  subject_token: subject,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  audience: AUDIENCE,
};
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

type Form = Readonly<Record<string, string>> | URLSearchParams;

const post = (path: string, form: Form, given: Given = {}): Promise<Response> =>
  scene.send('POST', `/v1/oauth/${path}`, { body: new URLSearchParams(form).toString(), headers: FORM, ...given });
const exchange = (form: Form, given: Given = {}) => post('token', form, { bearer: null, ...given });

/** What a refusal says, and that nothing of it may be kept. */
async function refusal(response: Response): Promise<string> {
  const { error, error_description: description } = oauthErrorSchema.parse(await response.json());
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(response.headers.get('x-request-id')).toMatch(/./);
  // RFC 6749, appendix A.8.
  expect(description).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/);
  return `${response.status} ${error}: ${description}`;
}

describe('an exchange', () => {
  test('is asked for in a form, with the own token in it, and answered as RFC 8693 has it', async () => {
    scene.calls.length = 0;
    const response = await exchange(EXCHANGE);
    expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(exchangedTokenSchema.parse(await response.json())).toEqual({
      access_token: 'third.party.text',
      issued_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_type: 'Bearer',
      expires_in: 3600,
    });
    expect(scene.calls).toMatchObject([
      { town: OWN, method: 'exchangeToken', given: [{ claims: { agent: agentId(1) } }, { audience: AUDIENCE }] },
    ]);
  });

  test('takes either name of the type of its token, and ignores what it does not know or what has no value', async () => {
    for (const changes of [
      { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      { requested_token_type: 'urn:ietf:params:oauth:token-type:jwt' },
      { requested_token_type: '', scope: '', resource: '', actor_token: '' },
      { client_id: 'anything', expires_in: '86400' },
    ]) {
      expect((await exchange({ ...EXCHANGE, ...changes })).status).toBe(200);
    }
  });

  const twice = new URLSearchParams({ ...EXCHANGE });
  twice.append('audience', 'https://fourth.example');
  const typeTwice = new URLSearchParams({ ...EXCHANGE });
  typeTwice.append('grant_type', EXCHANGE.grant_type);
  const { audience: _, ...forNobody } = EXCHANGE;

  test.each<[string, Form, string]>([
    ['another grant', { ...EXCHANGE, grant_type: 'client_credentials' }, '400 unsupported_grant_type: Only '],
    ['no grant', { ...EXCHANGE, grant_type: '' }, '400 invalid_request: grant_type is required'],
    ['a grant twice', typeTwice, '400 invalid_request: grant_type must be sent once'],
    ['no token', { ...EXCHANGE, subject_token: '' }, '400 invalid_request: subject_token is required'],
    [
      'another type of token',
      { ...EXCHANGE, subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' },
      '400 invalid_request: subject_token_type must be ',
    ],
    [
      'another type that is wanted',
      { ...EXCHANGE, requested_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
      '400 invalid_request: requested_token_type must be ',
    ],
    ['a scope', { ...EXCHANGE, scope: 'everything' }, '400 invalid_scope: '],
    ['a resource', { ...EXCHANGE, resource: 'https://third.example' }, '400 invalid_target: '],
    ['an actor', { ...EXCHANGE, actor_token: subject }, '400 invalid_request: actor_token '],
    ['no audience', forNobody, '400 invalid_request: audience is required'],
    ['two audiences', twice, '400 invalid_target: Exactly one '],
    ['an audience that is none', { ...EXCHANGE, audience: 'for "me"' }, '400 invalid_target: Exactly one '],
    ['a bad token', { ...EXCHANGE, subject_token: 'none' }, `400 invalid_request: ${PROBLEMS.invalid_token.title}`],
  ])('W-35: is refused with %s, in the words of OAuth, and no town is asked', async (_what, form, expected) => {
    scene.calls.length = 0;
    expect(await refusal(await exchange(form))).toContain(expected);
    expect(scene.calls).toEqual([]);
  });

  test.each([
    ['audience_not_allowed', '400 invalid_target'],
    ['ends_too_soon', '400 invalid_request'],
    ['agent_retired', '400 invalid_request'],
    ['insufficient_scope', '400 unauthorized_client'],
    ['limit_exceeded', '429 temporarily_unavailable'],
    ['not_found', '400 invalid_request'],
  ])('W-35: that the town refuses as %s answers %s, without a challenge', async (error, expected) => {
    scene.town.instead = () => ({ ok: false, error });
    const response = await exchange(EXCHANGE);
    expect(response.headers.get('www-authenticate')).toBeNull();
    expect(await refusal(response)).toContain(expected);
  });

  test('is a form of urlencoded text and nothing else, and of 64 KiB at most', async () => {
    const multipart = new FormData();
    for (const [name, value] of Object.entries(EXCHANGE)) multipart.append(name, value);
    const { headers, body } = new Request('http://x', { method: 'POST', body: multipart });
    const type = headers.get('content-type') ?? '';
    const wrong = '400 invalid_request: content-type must be application/x-www-form-urlencoded';
    expect(await refusal(await exchange({}, { headers: { 'content-type': type }, body: body ?? '' }))).toBe(wrong);
    expect(await refusal(await exchange({}, { headers: {}, json: EXCHANGE }))).toBe(wrong);
    const most = { ...EXCHANGE, more: '' };
    const room = 64 * 1024 - new URLSearchParams(most).toString().length;
    expect((await exchange({ ...most, more: 'x'.repeat(room) })).status).toBe(200);
    expect(await refusal(await exchange({ ...most, more: 'x'.repeat(room + 1) }))).toContain('413 invalid_request');
    const bytes = new Uint8Array([...new TextEncoder().encode('grant_type='), 0xff]);
    expect(await refusal(await exchange({}, { body: bytes }))).toContain('400 invalid_request');
  });

  test('that fails at the server is told as everywhere, in a problem document', async () => {
    scene.town.instead = () => {
      throw new Error('broken');
    };
    const response = await exchange(EXCHANGE);
    expect([response.status, response.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
  });
});

describe('introspection', () => {
  test('W-36: reads the token from the body; one in the address is not read', async () => {
    const asked = await post('introspect', { token: subject });
    expect([asked.status, asked.headers.get('cache-control')]).toEqual([200, 'no-store']);
    expect(introspectionSchema.parse(await asked.json())).toMatchObject({
      active: true,
      client_id: agentId(1),
      exp: NOW_S + 10_800,
      scope: 'exchange',
    });
    expect(await refusal(await post(`introspect?token=${subject}`, {}))).toBe('400 invalid_request: token is required');
  });

  test('W-36: asks no town of another person, and says nothing of it', async () => {
    scene.calls.length = 0;
    const foreign = await scene.agentToken({ town: FOREIGN });
    for (const token of [foreign, 'none', '']) {
      const response = await post('introspect', { token, token_type_hint: 'access_token' });
      const answer: unknown = await response.json();
      expect(answer).toEqual(token === '' ? expect.objectContaining({ error: 'invalid_request' }) : { active: false });
    }
    expect(scene.calls).toEqual([]);
  });

  test('needs a credential, of a person or of an agent: a bad one is 401 with its challenge', async () => {
    const bare = await post('introspect', { token: subject }, { bearer: null });
    expect(bare.headers.get('www-authenticate')).toBe('Bearer realm="reeve"');
    expect(await refusal(bare)).toContain('401 invalid_token');
    for (const bearer of ['nobody', `${subject.slice(0, -4)}AAAA`, await scene.agentToken({ scopes: [] })]) {
      scene.town.instead = () => ({ ok: false, error: 'insufficient_scope' });
      const response = await post('introspect', { token: subject }, { bearer });
      expect(response.headers.get('www-authenticate')).toMatch(/error="(?:invalid_token|insufficient_scope)"/);
      expect(await refusal(response)).toMatch(/^(?:401 invalid_token|403 insufficient_scope): /);
    }
    scene.town.instead = null;
  });
});

describe('the end of a token', () => {
  test('is 200 for any token that is not the own one of an agent, in the form that RFC 7009 has', async () => {
    scene.calls.length = 0;
    for (const token of ['none', 'x'.repeat(20_000)]) {
      const response = await post('revoke', { token }, { bearer: subject });
      expect([response.status, await response.json()]).toEqual([200, {}]);
    }
    expect(scene.calls.map(({ method, given: [, jti] }) => [method, jti])).toEqual([
      ['revokeToken', null],
      ['revokeToken', null],
    ]);
    expect(await refusal(await post('revoke', { token: subject }, { bearer: subject }))).toContain(
      '400 unsupported_token_type',
    );
    expect(await refusal(await post('revoke', { token: 'none' }))).toContain('401 invalid_token');
  });
});
