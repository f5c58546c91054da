import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NoCredential } from '../../agent/index.ts';
import { AgentHome } from './support/scene.ts';

let home: AgentHome;
beforeEach(() => void (home = new AgentHome()));
afterEach(() => home.end());

const aliases = ['MY_TOKEN', 'OTHER_TOKEN'] as const;
const held = (): (string | undefined)[] => aliases.map((name) => home.environment[name]);

describe('W-02: the aliases', () => {
  it.each([
    ['empty', undefined, undefined],
    ['older', 'one', 'one'],
    ['partly older', 'two', 'one'],
  ])('that are %s are set together from a fresh file, without a request', (_what, first, second) => {
    Object.assign(home.environment, { MY_TOKEN: first, OTHER_TOKEN: second });
    home.swap('two');
    home.open({ aliases });
    expect(held()).toEqual(['two', 'two']);
    expect(home.asked).toEqual([]);
  });

  it('are set together when the file is replaced, while the process does nothing', () => {
    home.swap('one');
    home.open({ aliases });
    home.swap('two');
    expect(held()).toEqual(['one', 'one']);
    home.tick();
    expect(held()).toEqual(['two', 'two']);
    expect(home.asked).toEqual([]);
  });

  it('are in step with each token that is read', () => {
    home.swap('one');
    const town = home.open({ aliases });
    home.swap('two');
    expect(town.token()).toBe('two');
    expect(held()).toEqual(['two', 'two']);
  });

  it('hold no end of line that the file may have', () => {
    home.swap('one\n');
    expect(home.open({ aliases }).token()).toBe('one');
    expect(held()).toEqual(['one', 'one']);
  });

  it('are left alone where the file holds no token', () => {
    Object.assign(home.environment, { MY_TOKEN: 'mine' });
    for (const text of ['', ' \n', 'two words', 'x'.repeat(8193)]) {
      home.swap(text);
      home.open({ aliases });
      expect(held()).toEqual(['mine', undefined]);
    }
  });

  it('are set all or none: where one cannot be set, the others are as before', () => {
    home.swap('one');
    const environment = new Proxy(home.environment, {
      set: (target, name, value) => (name === 'OTHER_TOKEN' ? false : Reflect.set(target, name, value)),
    });
    expect(() => home.open({ aliases, environment })).toThrow(TypeError);
    expect(home.environment).not.toHaveProperty('MY_TOKEN');
    home.environment['MY_TOKEN'] = 'zero';
    expect(() => home.open({ aliases, environment })).toThrow(TypeError);
    expect(held()).toEqual(['zero', undefined]);
  });

  it('follow the file no longer after close; without aliases nothing is looked at', () => {
    home.swap('one');
    home.open();
    const town = home.open({ aliases });
    expect(home.looking).toBe(1);
    town.close();
    town.close();
    expect(home.looking).toBe(0);
    home.swap('two');
    home.tick();
    expect(held()).toEqual(['one', 'one']);
  });

  it.each(['', 'A-B', '1A', 'A=B', 'REEVE_TOKEN_FILE'])('may not be called %j', (name) => {
    home.swap('one');
    expect(() => home.open({ aliases: [name] })).toThrow(TypeError);
  });
});

describe('an agent without a credential', () => {
  it.each([
    ['a file', 'REEVE_TOKEN_FILE', undefined],
    ['an absolute path', 'REEVE_TOKEN_FILE', 'token'],
    ['an address', 'REEVE_API_URL', undefined],
  ])('fails at once where it was not given %s', (_what, name, value) => {
    home.environment[name] = value;
    expect(() => home.open()).toThrow(NoCredential);
  });

  it('fails at its next call where the file is gone', async () => {
    home.swap('one');
    const town = home.open();
    rmSync(home.path);
    expect(() => town.token()).toThrow(NoCredential);
    await expect(town.fetch('/v1/agent/peers')).rejects.toThrow(NoCredential);
    expect(home.asked).toEqual([]);
  });
});
