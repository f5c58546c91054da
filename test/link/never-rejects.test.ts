import { describe, expect, test } from 'vitest';
import { NO_ORDER } from '#protocol';
import type { ContainerLink } from '../../src/link/container-link.ts';
import { neverRejects } from '../../src/link/never-rejects.ts';
import { agentId, sessionId } from '../support/ids.ts';

const SESSION = sessionId(1);
const AGENT = agentId(1);

/** Every call of a link but `authenticate`: how many arguments it takes, and one way to make it. */
const CALLS: readonly [string, number, (link: ContainerLink) => Promise<unknown>][] = [
  ['open', 1, (link) => link.open(true)],
  ['check', 0, (link) => link.check()],
  ['renew', 0, (link) => link.renew()],
  ['destroy', 0, (link) => link.destroy()],
  ['call', 3, (link) => link.call('list', SESSION, NO_ORDER)],
  ['call', 3, (link) => link.call('stop', SESSION, { agent: AGENT, body: { inc: 1 } })],
];

/** A stub whose every call does the same: returns what it was called with, or throws. */
function stubThat(act: (method: string, given: unknown[]) => unknown): ContainerLink {
  const call =
    (method: string) =>
    async (...given: unknown[]): Promise<never> => {
      const answer = act(method, given);
      // What a stub answers is what its object answered: any value goes through the link unread.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return answer as never;
    };
  return {
    open: call('open'),
    check: call('check'),
    renew: call('renew'),
    destroy: call('destroy'),
    authenticate: call('authenticate'),
    call: call('call'),
  };
}

const failing = (thrown: unknown) =>
  neverRejects(() =>
    stubThat(() => {
      throw thrown;
    }),
  );

describe('the link', () => {
  test('hands every call on with its arguments, and its answer back', async () => {
    const link = neverRejects(() => stubThat((method, given) => ({ kind: 'answered', value: [method, given.length] })));
    for (const [method, count, call] of CALLS) {
      expect(await call(link), method).toEqual({ kind: 'answered', value: [method, count] });
    }
  });

  test('turns whatever a call throws into an answer', async () => {
    for (const thrown of [new Error('object reset'), 'a text', undefined, null, { odd: true }]) {
      for (const [method, , call] of CALLS) {
        expect(await call(failing(thrown)), method).toMatchObject({
          kind: 'unreachable',
          reason: 'transport',
          retryAfterMs: 0,
        });
      }
    }
  });

  test('answers busy where the object is overloaded, so that it is asked less', async () => {
    const overloaded = Object.assign(new Error('overloaded'), { overloaded: true });
    expect(await failing(overloaded).check()).toMatchObject({ kind: 'unreachable', reason: 'busy' });
    const retryable = Object.assign(new Error('reset'), { overloaded: false, retryable: true });
    expect(await failing(retryable).check()).toMatchObject({ reason: 'transport' });
  });

  test('does not believe a container on a doubt', async () => {
    expect(await failing(new Error('reset')).authenticate(SESSION, 'digest')).toBe(false);
    expect(await neverRejects(() => stubThat(() => true)).authenticate(SESSION, 'digest')).toBe(true);
  });

  test('asks for a new stub for each call: one is broken after an exception', async () => {
    let stubs = 0;
    const link = neverRejects(() => {
      stubs += 1;
      return stubThat(() => {
        if (stubs === 1) throw new Error('object reset');
        return { kind: 'answered', value: SESSION };
      });
    });
    expect(await link.check()).toMatchObject({ kind: 'unreachable' });
    expect(await link.check()).toEqual({ kind: 'answered', value: SESSION });
    expect(stubs).toBe(2);
  });

  test('answers also where there is no stub to be had', async () => {
    const link = neverRejects(() => {
      throw new Error('no such binding');
    });
    expect(await link.open(false)).toMatchObject({ kind: 'unreachable', detail: 'container object: no such binding' });
    expect(await link.authenticate(SESSION, 'digest')).toBe(false);
  });
});
