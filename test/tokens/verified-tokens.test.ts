import { afterEach, describe, expect, test, vi } from 'vitest';
import { mintAgentToken } from '../../src/tokens/mint.ts';
import { VerifiedTokens } from '../../src/tokens/verified-tokens.ts';
import { verifyAgentToken } from '../../src/tokens/verify.ts';
import { NOW_MS, makeIssuer, orderOf } from '../support/issuer.ts';
import { AGENT_TOKEN_TTL_SECONDS } from '../support/signing.ts';
import { sameBytesOtherText } from '../support/mutate.ts';

const issuer = await makeIssuer();
const minted = async (gen = 1): Promise<string> =>
  (await mintAgentToken(issuer, orderOf({ gen }), NOW_MS)).token.reveal();
const token = await minted();

/** Times at which the whole check and the remembered one may differ, if they do (ms from now). */
const END_MS = AGENT_TOKEN_TTL_SECONDS * 1000;
const TIMES = [-31_000, -30_000, -1, 0, 1, END_MS - 1, END_MS, END_MS + 29_999, END_MS + 30_000, END_MS + 31_000];

afterEach(() => vi.restoreAllMocks());

const checks = () => vi.spyOn(crypto.subtle, 'verify');

describe('a token that was verified before', () => {
  test('is accepted without another check of its signature, with the same claims', async () => {
    const tokens = new VerifiedTokens(10);
    const first = await tokens.verify(issuer, token, NOW_MS);
    const verify = checks();
    expect(await tokens.verify(issuer, token, NOW_MS + 1000)).toEqual(first);
    expect(first).toEqual(await verifyAgentToken(issuer, token, NOW_MS));
    expect(verify).toHaveBeenCalledTimes(1);
  });

  test.each(TIMES)('is judged as any other %i ms from now', async (ms) => {
    const tokens = new VerifiedTokens(10);
    await tokens.verify(issuer, token, NOW_MS);
    expect(await tokens.verify(issuer, token, NOW_MS + ms)).toEqual(await verifyAgentToken(issuer, token, NOW_MS + ms));
  });

  test('is checked anew by another set of keys', async () => {
    const tokens = new VerifiedTokens(10);
    await tokens.verify(issuer, token, NOW_MS);
    expect(await tokens.verify(await makeIssuer(), token, NOW_MS)).toEqual({ ok: false, error: 'unknown_kid' });
    expect(await tokens.verify(issuer, token, NOW_MS)).toMatchObject({ ok: true });
  });

  test('lends nothing to a text that is almost the same', async () => {
    const tokens = new VerifiedTokens(10);
    await tokens.verify(issuer, token, NOW_MS);
    for (const other of [...sameBytesOtherText(token), `${token} `]) {
      expect(await tokens.verify(issuer, other, NOW_MS)).toMatchObject({ ok: false });
    }
  });

  test('is remembered while it is one of the newest, and never one that was refused', async () => {
    const tokens = new VerifiedTokens(2);
    const others = [await minted(2), await minted(3)];
    for (const one of [token, ...others]) await tokens.verify(issuer, one, NOW_MS);
    const verify = checks();
    for (const one of others) await tokens.verify(issuer, one, NOW_MS);
    expect(verify).not.toHaveBeenCalled();
    await tokens.verify(issuer, token, NOW_MS);
    expect(verify).toHaveBeenCalledTimes(1);
    const late = NOW_MS + END_MS + 60_000;
    for (let nth = 0; nth < 2; nth += 1) expect(await tokens.verify(issuer, token, late)).toMatchObject({ ok: false });
  });
});
