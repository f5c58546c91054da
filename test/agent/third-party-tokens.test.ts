import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExchangeRefused, NoCredential, type Town } from '../../agent/index.ts';
import { AgentHome, ORIGIN } from './support/scene.ts';

const AUDIENCE = 'https://third.example';
const HOUR_MS = 3_600_000;

/** A town that exchanges: each answer is a token with a number of its own, unless the test says what comes instead. */
class Exchange {
  readonly home = new AgentHome();
  readonly asked: { url: string; init: RequestInit; form: URLSearchParams }[] = [];
  nowMs = 1_000_000;
  seconds = 3600;
  instead: (subject: string) => Response | Promise<Response> | null = () => null;

  open(): Town {
    this.home.swap('one');
    const fetch = async (url: string, init: RequestInit): Promise<Response> => {
      const form = init.body as URLSearchParams;
      this.asked.push({ url, init, form });
      const number = this.asked.length;
      const instead = await this.instead(form.get('subject_token') ?? '');
      return instead ?? Response.json({ access_token: `token-${number}`, expires_in: this.seconds });
    };
    return this.home.open({ fetch, now: () => this.nowMs });
  }
}

let exchange: Exchange;
beforeEach(() => void (exchange = new Exchange()));
afterEach(() => exchange.home.end());

const refused = (code: string) =>
  Response.json({ error: 'invalid_request', error_description: 'no', code }, { status: 400 });

describe('a token for a third party', () => {
  it('is exchanged for the own one, which stands in the form and in no header', async () => {
    const town = exchange.open();
    expect(await town.tokenFor(AUDIENCE)).toBe('token-1');
    const [asked] = exchange.asked;
    expect([asked?.url, asked?.init.method, asked?.init.redirect]).toEqual([
      `${ORIGIN}/v1/oauth/token`,
      'POST',
      'manual',
    ]);
    expect(asked?.init.headers).toBeUndefined();
    expect(Object.fromEntries(asked?.form ?? [])).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: 'one',
      audience: AUDIENCE,
    });
  });

  it('is kept for its audience until five minutes before its end, and asked for once by many', async () => {
    const town = exchange.open();
    const many = await Promise.all([town.tokenFor(AUDIENCE), town.tokenFor(AUDIENCE), town.tokenFor('another')]);
    expect(many).toEqual(['token-1', 'token-1', 'token-2']);
    exchange.nowMs += HOUR_MS - 300_001;
    expect(await town.tokenFor(AUDIENCE)).toBe('token-1');
    exchange.nowMs += 1;
    expect(await town.tokenFor(AUDIENCE)).toBe('token-3');
  });

  it('that lives for less than ten minutes is kept for half of them', async () => {
    const town = exchange.open();
    exchange.seconds = 300;
    await town.tokenFor(AUDIENCE);
    exchange.nowMs += 149_999;
    expect(await town.tokenFor(AUDIENCE)).toBe('token-1');
    exchange.nowMs += 1;
    expect(await town.tokenFor(AUDIENCE)).toBe('token-2');
  });

  it('is asked for once more where the own one was replaced meanwhile, and never a third time', async () => {
    const town = exchange.open();
    exchange.instead = (subject) => {
      exchange.home.swap(`${subject}+`);
      return subject === 'one+' ? null : refused('invalid_token');
    };
    expect(await town.tokenFor(AUDIENCE)).toBe('token-2');
    exchange.nowMs += HOUR_MS;
    exchange.instead = (subject) => {
      exchange.home.swap(`${subject}+`);
      return refused('invalid_token');
    };
    await expect(town.tokenFor(AUDIENCE)).rejects.toThrow(ExchangeRefused);
    expect(exchange.asked).toHaveLength(4);
  });

  it('that is kept serves to its end where the town is not reached, and no longer', async () => {
    const town = exchange.open();
    await town.tokenFor(AUDIENCE);
    exchange.nowMs += HOUR_MS - 1;
    for (const instead of [() => Promise.reject(new Error('away')), () => Response.json({}, { status: 503 })]) {
      exchange.instead = instead;
      expect(await town.tokenFor(AUDIENCE)).toBe('token-1');
    }
    exchange.nowMs += 1;
    await expect(town.tokenFor(AUDIENCE)).rejects.toThrow('the town answered 503');
  });

  it('that the town refuses is refused here, with its code, also where one is kept', async () => {
    const town = exchange.open();
    await town.tokenFor(AUDIENCE);
    exchange.nowMs += HOUR_MS - 1;
    exchange.instead = () => refused('agent_retired');
    await expect(town.tokenFor(AUDIENCE)).rejects.toMatchObject({ name: 'ExchangeRefused', code: 'agent_retired' });
  });

  it('is none where the agent has no own one', async () => {
    const town = exchange.open();
    exchange.home.swap('');
    await expect(town.tokenFor(AUDIENCE)).rejects.toThrow(NoCredential);
    expect(exchange.asked).toEqual([]);
  });
});
