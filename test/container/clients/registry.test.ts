import { afterEach, describe, expect, it, vi } from 'vitest';
import type { IssuedToken } from '#protocol';
import { Cell } from '../../../container/clients/cell.ts';
import { AgentNotLive, Registry, sharedRegistry } from '../../../container/clients/registry.ts';
import type * as RegistryModule from '../../../container/clients/registry.ts';
import { FakeTownApi } from '../support/fake-town-api.ts';
import { agentId } from '../../support/ids.ts';
import { settle } from '../support/manual-clock.ts';

const KEY = Symbol.for('reeve.clients');
const town = (): FakeTownApi => new FakeTownApi(() => Date.UTC(2027, 0, 1));

/** A client that keeps what it was given. */
function keeper(): { readonly given: string[]; setToken(token: string): void } {
  const given: string[] = [];
  return { given, setToken: (token) => void given.push(token) };
}

function live(registry: Registry, issued: IssuedToken, errors: unknown[] = []): ReturnType<Registry['open']> {
  return registry.open(new Cell(issued), (thrown) => errors.push(thrown));
}

afterEach(() => {
  Reflect.deleteProperty(globalThis, KEY);
});

describe('register', () => {
  it('A-20: gives the current token at once and each new one at its swap', () => {
    const [registry, mint, client] = [new Registry(), town(), keeper()];
    const [first, second] = [mint.mint(agentId(1)), mint.mint(agentId(1))];
    const entry = live(registry, first);
    registry.register(agentId(1), client);
    entry.swap(second);
    entry.swap(second);
    entry.swap(first);
    expect(client.given).toEqual([first.token, second.token]);
  });

  it('throws for an agent that is not live', () => {
    expect(() => new Registry().register(agentId(1), keeper())).toThrow('is not live in this process');
  });

  it('T4: an undo removes its own registration and nothing else, and may be called again', () => {
    const [registry, mint, client, other] = [new Registry(), town(), keeper(), keeper()];
    const entry = live(registry, mint.mint(agentId(1)));
    const leave = registry.register(agentId(1), client);
    registry.register(agentId(1), client);
    registry.register(agentId(1), other);
    leave();
    leave();
    entry.swap(mint.mint(agentId(1)));
    expect(client.given).toHaveLength(3);
    expect(other.given).toHaveLength(2);
  });

  it('T4: an undo from an earlier incarnation does not touch the next', () => {
    const [registry, mint, client] = [new Registry(), town(), keeper()];
    const earlier = live(registry, mint.mint(agentId(1)));
    const leave = registry.register(agentId(1), client);
    earlier.release();
    const next = live(registry, mint.mint(agentId(1), 2));
    registry.register(agentId(1), client);
    leave();
    earlier.release();
    next.swap(mint.mint(agentId(1), 2));
    expect(client.given).toHaveLength(3);
    expect(registry.size).toBe(1);
  });

  it('a client that throws, now or later, is reported and disturbs no other', async () => {
    const [registry, mint, client, errors] = [new Registry(), town(), keeper(), new Array<unknown>()];
    const entry = live(registry, mint.mint(agentId(1)), errors);
    const [now, later] = [new Error('now'), new Error('later')];
    registry.register(agentId(1), {
      setToken: () => {
        throw now;
      },
    });
    registry.register(agentId(1), { setToken: () => Promise.reject(later) });
    registry.register(agentId(1), client);
    expect(entry.swap(mint.mint(agentId(1)))).toBe('applied');
    await settle();
    expect(client.given).toHaveLength(2);
    expect(errors).toEqual([now, now, later, later]);
  });

  it('a client may leave while it is called', () => {
    const [registry, mint, client] = [new Registry(), town(), keeper()];
    const entry = live(registry, mint.mint(agentId(1)));
    const leave = registry.register(agentId(1), { setToken: () => leave?.() });
    registry.register(agentId(1), client);
    entry.swap(mint.mint(agentId(1)));
    expect(client.given).toHaveLength(2);
  });

  it('T4: a client that another one takes away while that is called gets nothing more', () => {
    const [registry, mint, client] = [new Registry(), town(), keeper()];
    const entry = live(registry, mint.mint(agentId(1)));
    registry.register(agentId(1), { setToken: () => leave?.() });
    const leave = registry.register(agentId(1), client);
    entry.swap(mint.mint(agentId(1)));
    expect(client.given).toHaveLength(1);
  });
});

describe('release', () => {
  it('K-07: frees the key, closes the cell and forgets the clients', () => {
    const [registry, mint, client] = [new Registry(), town(), keeper()];
    const cell = new Cell(mint.mint(agentId(1)));
    const entry = registry.open(cell, () => {});
    registry.register(agentId(1), client);
    entry.release();
    expect(entry.swap(mint.mint(agentId(1)))).toBe('unknown_agent');
    expect(client.given).toHaveLength(1);
    expect(cell.token).toBeNull();
    expect(registry.size).toBe(0);
  });

  it('K-03: 1,000 starts and stops leave nothing behind', () => {
    const [registry, mint] = [new Registry(), town()];
    for (let inc = 1; inc <= 1000; inc += 1) {
      const entry = live(registry, mint.mint(agentId(inc % 10), inc));
      registry.register(agentId(inc % 10), keeper());
      entry.release();
    }
    expect(registry.size).toBe(0);
  });

  it('an owner that was abandoned cannot release what took its place', () => {
    const [registry, mint] = [new Registry(), town()];
    const abandonedCell = new Cell(mint.mint(agentId(1)));
    const abandoned = registry.open(abandonedCell, () => {});
    const owner = live(registry, mint.mint(agentId(1), 2));
    expect(abandonedCell.token).toBeNull();
    abandoned.release();
    expect(registry.size).toBe(1);
    expect(owner.swap(mint.mint(agentId(1), 2))).toBe('applied');
  });
});

describe('a client', () => {
  it('that has nothing to do at the end is no failure', async () => {
    const [registry, errors] = [new Registry(), new Array<unknown>()];
    const entry = live(registry, town().mint(agentId(1)), errors);
    registry.register(agentId(1), keeper());
    entry.release();
    await settle();
    expect(errors).toEqual([]);
  });

  it('is informed of the end once, after the token is gone, whatever brings it', () => {
    const [registry, mint] = [new Registry(), town()];
    const cell = new Cell(mint.mint(agentId(1)));
    const entry = registry.open(cell, () => {});
    const calls: string[] = [];
    const recorder = (who: string) => ({
      setToken: () => void calls.push(`${who} token`),
      ended: () => void calls.push(`${who} end, ${cell.token === null ? 'no token' : 'token'}`),
    });
    registry.register(agentId(1), recorder('a'));
    const leave = registry.register(agentId(1), recorder('b'));
    registry.register(agentId(1), keeper());
    leave();
    entry.release();
    entry.release();
    expect(calls).toEqual(['a token', 'b token', 'a end, no token']);
  });

  it('that fails at the end is reported, and the others hear of it', async () => {
    const [registry, mint, errors, calls] = [new Registry(), town(), new Array<unknown>(), new Array<string>()];
    const entry = live(registry, mint.mint(agentId(1)), errors);
    const [now, later] = [new Error('now'), new Error('later')];
    const failing = (ended: () => never | Promise<never>) => registry.register(agentId(1), { ...keeper(), ended });
    failing(() => {
      throw now;
    });
    failing(() => Promise.reject(later));
    registry.register(agentId(1), { ...keeper(), ended: () => void calls.push('end') });
    entry.release();
    await settle();
    expect([errors, calls, registry.size]).toEqual([[now, later], ['end'], 0]);
  });

  it('that registers again at the end joins the next incarnation, or hears that there is none', () => {
    const [registry, mint, again, errors] = [new Registry(), town(), keeper(), new Array<unknown>()];
    live(registry, mint.mint(agentId(1)));
    const ended = (): void => void registry.register(agentId(1), { ...again, ended });
    registry.register(agentId(1), { ...keeper(), ended });
    const next = mint.mint(agentId(1), 2);
    const owner = live(registry, next, errors);
    expect(again.given).toEqual([next.token]);
    owner.release();
    expect(errors).toEqual([new AgentNotLive(`${agentId(1)} is not live in this process`)]);
    expect(registry.size).toBe(0);
  });
});

describe('the registry of the process', () => {
  it('W-21: a plugin from another bundle, with its own copy of the module, joins the same one', async () => {
    const ours = sharedRegistry();
    const copy = await vi.importActual<typeof RegistryModule>('../../../container/clients/registry.ts?copy');
    expect(copy.Registry).not.toBe(Registry);
    expect(copy.sharedRegistry()).toBe(ours);
    const [mint, client] = [town(), keeper()];
    const [first, second] = [mint.mint(agentId(1)), mint.mint(agentId(1))];
    const entry = ours.open(new Cell(first), () => {});
    let ends = 0;
    copy.sharedRegistry().register(agentId(1), { ...client, ended: () => void (ends += 1) });
    entry.swap(second);
    expect(client.given).toEqual([first.token, second.token]);
    entry.release();
    expect([client.given.length, ends]).toEqual([2, 1]);
  });

  it.each([null, 'text', { register: 'no function' }, { register: () => undefined }, { open: () => undefined }])(
    'is not taken for one where something else hangs there: %j',
    (other) => {
      Reflect.set(globalThis, KEY, other);
      expect(sharedRegistry()).toBeInstanceOf(Registry);
    },
  );
});
