import { expect, test } from 'vitest';
import { devTokenAuthenticator } from '../../src/people/person.ts';
import { Secret } from '../../src/lib/secret.ts';
import { DEV_TOKEN } from '../support/bindings.ts';

test('the development token is one person, and nothing else is a person', async () => {
  const people = devTokenAuthenticator(new Secret(DEV_TOKEN));
  expect(await people.authenticate(DEV_TOKEN)).toEqual({ id: 'dev', endsAtMs: null, scope: 'admin', key: null });
  for (const bearer of ['', `${DEV_TOKEN} `, DEV_TOKEN.slice(1), '[redacted]']) {
    expect(await people.authenticate(bearer), bearer).toBeNull();
  }
});

test('without a development token no credential is a person', async () => {
  const people = devTokenAuthenticator(null);
  for (const bearer of ['', 'null', 'undefined', DEV_TOKEN])
    expect(await people.authenticate(bearer), bearer).toBeNull();
});
