/** People who sign in at an OpenID provider that is not ours, in a process of its own, and call the edge with its tokens. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../scripts/ports.ts';
import { makeScene, type EdgeScene } from '../support/fake-edge.ts';
import { TOKEN_SECONDS, signInAtProvider } from './support/sign-in-at-provider.ts';

const AUDIENCE = 'https://reeve.example.com';
/** From here on the provider may be asked again for a key that is not known. */
const COOLDOWN_MS = 30_000;
/** Clocks differ by this much: a token that is so much older than the keys was signed with one of them, or with none. */
const TOLERANCE_MS = 60_000;
/** Keys are kept for so long. */
const CACHE_MS = 600_000;

let issuer: string;
let provider: ChildProcess;
let scene: EdgeScene;

beforeEach(async () => {
  issuer = `http://127.0.0.1:${await freePort()}`;
  await startProvider();
  scene = await makeScene({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE }, { now: () => Date.now() });
});
afterEach(async () => {
  vi.useRealTimers();
  await stopProvider();
});

async function startProvider(): Promise<void> {
  provider = fork(join(import.meta.dirname, 'support/provider-process.ts'), [issuer], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  await once(provider, 'message');
}

async function stopProvider(): Promise<void> {
  if (provider.exitCode !== null || provider.signalCode !== null) return;
  provider.kill('SIGKILL');
  await once(provider, 'exit');
}

async function order(what: 'rotate' | 'drop'): Promise<void> {
  const done = once(provider, 'message');
  provider.send(what);
  await done;
}

const signIn = (login: string, audience = AUDIENCE): Promise<string> => signInAtProvider(issuer, login, audience);

const call = (bearer: string): Promise<Response> => scene.send('GET', '/v1/me', { bearer });
const statusOf = async (bearer: string): Promise<number> => (await call(bearer)).status;

/** Of the edge alone: the provider, a process of its own, stays in the present. */
function passTime(ms: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: now + ms });
}

/** Calls without a pause, with each of these tokens in turn, until `stop`, which answers the statuses that there were. */
function startTraffic(tokens: readonly string[]): {
  readonly count: () => number;
  readonly stop: () => Promise<number[]>;
} {
  const statuses: number[] = [];
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const done = (async () => {
    while (!ending.signal.aborted) {
      for (const token of tokens) statuses.push(await statusOf(token));
      // Lets the process of the provider be heard.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return [...new Set(statuses)];
  })();
  return {
    count: () => statuses.length,
    stop: () => {
      ending.abort();
      return done;
    },
  };
}

describe('a person who signed in at an OpenID provider', () => {
  test('is who the provider says, by its discovery document alone', async () => {
    const token = await signIn('ada');
    const response = await call(token);
    expect([response.status, await response.json()]).toEqual([
      200,
      { subject: 'oidc:ada', scope: 'admin', expires_at: new Date((decodeJwt(token).exp ?? 0) * 1000).toISOString() },
    ]);
    const made = await scene.send('POST', '/v1/towns', { bearer: token, json: { name: 'of-ada' } });
    expect(made.status).toBe(201);
  });

  test('is no person with a token for another audience, or with one that is over', async () => {
    expect(await statusOf(await signIn('ada', 'https://elsewhere.example.com'))).toBe(401);
    const token = await signIn('ada');
    expect(await statusOf(token)).toBe(200);
    passTime(TOKEN_SECONDS * 1000 + TOLERANCE_MS);
    expect(await statusOf(token)).toBe(401);
  });
});

describe('the keys of an OpenID provider', () => {
  test('rotate under traffic, and no valid token is refused; those of a key that was dropped are, once the kept keys are too old', async () => {
    const before = await signIn('ada');
    expect(await statusOf(before)).toBe(200);
    const traffic = startTraffic([before]);
    passTime(COOLDOWN_MS);
    await order('rotate');
    const after = await signIn('bob');
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
    const both = startTraffic([before, after]);
    await expect.poll(both.count).toBeGreaterThan(2);
    await order('drop');
    expect(await statusOf(await signIn('cleo'))).toBe(200);
    expect([await traffic.stop(), await both.stop()]).toEqual([[200], [200]]);

    passTime(CACHE_MS);
    expect([await statusOf(after), await statusOf(before), await statusOf(before)]).toEqual([200, 401, 401]);
  });

  test('are others after a restart: until then and meanwhile known tokens are good, afterwards new ones', async () => {
    const before = await signIn('ada');
    expect(await statusOf(before)).toBe(200);
    const traffic = startTraffic([before]);
    await stopProvider();
    expect(await statusOf(before)).toBe(200);
    await startProvider();
    const after = await signIn('ada');
    expect(await traffic.stop()).toEqual([200]);
    passTime(COOLDOWN_MS + TOLERANCE_MS);
    expect([await statusOf(after), await statusOf(before)]).toEqual([200, 401]);
  });

  test('are not asked for again at once: a token of one that is too new is put off, not refused', async () => {
    expect(await statusOf(await signIn('ada'))).toBe(200);
    await order('rotate');
    const early = await signIn('bob');
    const response = await call(early);
    expect([response.status, Number(response.headers.get('retry-after')) > 0]).toEqual([503, true]);
    passTime(COOLDOWN_MS);
    expect(await statusOf(early)).toBe(200);
  });
});
