import { describe, expect, test } from 'vitest';
import { makeScene } from '../../support/fake-edge.ts';

const OIDC = { OIDC_ISSUER: 'https://id.example.com/', OIDC_AUDIENCE: 'reeve' };
const ACCESS = { ACCESS_TEAM_DOMAIN: 'team.cloudflareaccess.com', ACCESS_AUD: 'tag' };

describe('the ways to sign in', () => {
  test.each([
    ['links alone', {}, { oidc: null, access: false, links: true }],
    [
      'an OpenID provider where it knows the console as a client',
      { ...OIDC, OIDC_CLIENT_ID: 'console' },
      { oidc: { issuer: 'https://id.example.com/', client_id: 'console', audience: 'reeve' }, access: false },
    ],
    ['no provider that knows no client', OIDC, { oidc: null }],
    ['Cloudflare Access where it stands in front', ACCESS, { access: true }],
  ])('are told to whoever has no credential yet: %s', async (_, variables, ways) => {
    const scene = await makeScene(variables);
    const answer = await scene.send('GET', '/v1/sign-in', { bearer: null });
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining(ways)]);
  });
});
