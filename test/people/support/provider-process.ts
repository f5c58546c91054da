/**
 * An OpenID provider that is not ours, as a process of its own: `fork(..., [issuer, redirect])`; without a redirect address its
 * client is a program on a person's machine, and with one a page there. It signs in whom its form of a login names. Says `listening`, and takes an order a message: `rotate` signs with a new key and goes on publishing the others, `drop`
 * publishes the newest alone. Ends with its parent.
 */
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { Provider } from 'oidc-provider';
import { CLIENT, REDIRECT, TOKEN_SECONDS } from './sign-in-at-provider.ts';

const [issuer = '', redirect = REDIRECT] = process.argv.slice(2);

const newKey = async (): Promise<JWK> => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: crypto.randomUUID(), use: 'sig', alg: 'ES256' };
};

/** The first key signs, all are published. What the provider remembers of people outlives it, as in a database. */
const openProvider = (keys: readonly JWK[]) =>
  new Provider(issuer, {
    jwks: { keys },
    cookies: { keys: ['of-a-test'] },
    clients: [
      {
        client_id: CLIENT,
        redirect_uris: [redirect],
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientBasedCORS: () => true,
    features: {
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, resource: string) => ({
          scope: '',
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: TOKEN_SECONDS,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  }).callback();

let keys = [await newKey()];
let answer = openProvider(keys);
const server = createServer((request, response) => answer(request, response));

process.on('message', (order) => {
  void (async () => {
    keys = order === 'rotate' ? [await newKey(), ...keys] : keys.slice(0, 1);
    answer = openProvider(keys);
    process.send?.('done');
  })();
});
process.on('disconnect', () => process.exit());
server.listen(Number(new URL(issuer).port), '127.0.0.1', () => process.send?.('listening'));
