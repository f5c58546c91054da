import { describe, expect, it } from 'vitest';
import type { DelegationId } from '#protocol';
import { heedNotice, runErrand } from '../../../../container/agents/built-in/errands.ts';
import { FakeTools } from '../../support/fake-tools.ts';
import { agentId } from '../../../support/ids.ts';

const done = (task: string): Promise<string> => Promise.resolve(`did ${task}`);

async function delegated(town: FakeTools, task: string): Promise<DelegationId> {
  await runErrand(town.of('ada'), `delegate bob ${task}`, null);
  const [id] = [...town.delegations.keys()].slice(-1);
  if (id === undefined) throw new Error('nothing was delegated');
  return id;
}

describe('an errand', () => {
  it('peers names the others, page by page', async () => {
    expect(await runErrand(new FakeTools().of('ada'), 'peers', null)).toBe('bob (worker, idle)');
    expect(await runErrand(new FakeTools().of('nobody'), 'peers', null)).toBe('ada (worker, idle)\nbob (worker, idle)');
  });

  it('mail writes to a peer, and reads to the end, once', async () => {
    const town = new FakeTools();
    for (const text of ['one', 'two\nlines']) await runErrand(town.of('ada'), `mail bob ${text}`, null);
    expect(await runErrand(town.of('bob'), 'mail', null)).toBe(`${agentId(1)}: one\n${agentId(1)}: two\nlines`);
    expect(await runErrand(town.of('bob'), 'mail', null)).toBe('No mail');
    expect(await runErrand(town.of('ada'), 'mail nobody x', null)).toBe('mail: not_found');
  });

  it('delegate hands a task over, for the delegation that is worked on', async () => {
    const town = new FakeTools();
    const first = await delegated(town, 'work 3');
    expect(await runErrand(town.of('bob'), 'delegate ada whoami', first)).toMatch(/^Delegated to ada as dlg_/);
    expect([...town.delegations.values()].map(({ depth, parent }) => [depth, parent])).toEqual([
      [1, null],
      [2, first],
    ]);
    expect(await runErrand(town.of('ada'), 'delegate nobody x', null)).toBe('delegate: not_found');
  });

  it('is answered why the town does not do it', async () => {
    const town = new FakeTools();
    town.refusal = 'limit_exceeded';
    for (const errand of ['peers', 'mail', 'mail bob x', 'delegate bob x']) {
      expect(await runErrand(town.of('ada'), errand, null)).toBe(`${errand.split(' ')[0]}: limit_exceeded`);
    }
  });

  it('is nothing else', async () => {
    for (const content of ['hello', 'mail', 'delegate', 'delegate bob', 'mails bob x'].filter(
      (one) => one !== 'mail',
    )) {
      expect(await runErrand(new FakeTools().of('ada'), content, null), content).toBeNull();
    }
  });
});

describe("the town's own message", () => {
  it('that something is assigned: the task is fetched, done, and its result is sent', async () => {
    const town = new FakeTools();
    const id = await delegated(town, 'count the sheep');
    const seen: string[] = [];
    const work = (task: string, forWhat: DelegationId): Promise<string> => {
      seen.push(`${forWhat} ${task}`);
      return done(task);
    };
    expect(await heedNotice(town.of('bob'), town.notice('delegation.assigned', id), work)).toBe(`${id} is done`);
    expect(seen).toEqual([`${id} count the sheep`]);
    expect(town.delegations.get(id)).toMatchObject({ state: 'done' });
    expect(town.delegations.get(id)?.result).toContain('did count the sheep');
  });

  it('a task that fails is a result too, with the reason', async () => {
    const town = new FakeTools();
    const id = await delegated(town, 'fail');
    const work = (): Promise<string> => Promise.reject(new Error('no sheep here'));
    expect(await heedNotice(town.of('bob'), town.notice('delegation.assigned', id), work)).toBe(`${id} is failed`);
    expect(town.delegations.get(id)?.result).toContain('no sheep here');
  });

  it('what is over by now is not worked on', async () => {
    const town = new FakeTools();
    const id = await delegated(town, 'x');
    const notice = town.notice('delegation.assigned', id);
    await town.of('bob').finishDelegation(id, { state: 'done', text: 'before' });
    const work = (): Promise<string> => Promise.reject(new Error('it is worked on'));
    expect(await heedNotice(town.of('bob'), notice, work)).toBe(`${id} is done`);
    expect(town.delegations.get(id)?.result).toContain('before');
  });

  it('that something is over: what became of it is fetched and said', async () => {
    const town = new FakeTools();
    const [one, two] = [await delegated(town, 'x'), await delegated(town, 'y')];
    await town.of('bob').finishDelegation(one, { state: 'done', text: 'forty-two' });
    const said = await heedNotice(town.of('ada'), town.notice('delegation.announced', one, two), done);
    expect(said).toBe(`${one} is done: forty-two\n${two} is open`);
  });

  it('that cannot be fetched is said, and ends no other', async () => {
    const town = new FakeTools();
    const id = await delegated(town, 'x');
    const notice = town.notice('delegation.assigned', id, `dlg_${'0'.repeat(20)}`);
    expect(await heedNotice(town.of('bob'), notice, done)).toBe(`${id} is done\ndlg_${'0'.repeat(20)}: not_found`);
  });

  it('that is not known fails the turn', async () => {
    for (const content of ['', 'hello', '{}', '{"notice":"delegation.cancelled","delegations":[]}']) {
      await expect(heedNotice(new FakeTools().of('ada'), content, done)).rejects.toThrow('does not know');
    }
  });
});

describe('mail of which a page does not come', () => {
  it('is shown as far as it came, one line each, with why it ends there', async () => {
    const town = new FakeTools();
    await runErrand(town.of('bob'), 'mail ada one', null);
    await runErrand(town.of('bob'), 'mail ada two', null);
    const tools = town.of('ada');
    const readMail: typeof tools.readMail = (cursor) => {
      if (cursor !== null) town.refusal = 'unavailable';
      return tools.readMail(cursor);
    };
    const shown = await runErrand({ ...tools, readMail }, 'mail', null);
    expect(shown).toBe(`${agentId(2)}: one\nmail: unavailable`);
  });
});
