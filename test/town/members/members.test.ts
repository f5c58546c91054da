/** Who belongs to a town, and how soon a change holds: for calls, for tickets and for streams. */
import { env } from 'cloudflare:test';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Directory } from '../../../src/directory/directory-store.ts';
import {
  MAX_MEMBERS_PER_TOWN,
  STREAM_CLOSE,
  type MemberRole,
  type MemberView,
  type Page,
  type Problem,
} from '../../../src/protocol/index.ts';
import { PATIENT } from '../../support/patient.ts';
import { apiKeyOf } from '../support/api-keys.ts';
import { asMember } from '../support/as-member.ts';
import { tablesOf } from '../support/footprint.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { RawReader, knockAt, readersOf, refusalOf } from '../support/raw-reader.ts';
import { ticketInto } from '../support/scene.ts';
import { TestTown, api } from '../support/town.ts';

beforeEach(() => env.DIRECTORY.exec('DELETE FROM towns'));

type Refused = Partial<Problem>;
type Answered = Partial<MemberView> & Refused;

const put = (town: TestTown, person: string, role: MemberRole, bearer?: string) =>
  api<Answered>('PUT', `/v1/towns/${town.id}/members/${encodeURIComponent(person)}`, { role }, bearer);
const remove = (town: TestTown, person: string, bearer?: string) =>
  api<Answered>('DELETE', `/v1/towns/${town.id}/members/${encodeURIComponent(person)}`, undefined, bearer);
const told = ({ status, body }: { status: number; body: Refused }): string => `${status} ${body.code ?? ''}`.trim();
const rolesIn = async (town: TestTown): Promise<Record<string, MemberRole>> => {
  const { body } = await town.api<Page<MemberView>>('GET', '/members');
  return Object.fromEntries(body.items.map(({ subject, role }) => [subject, role]));
};
const townsOf = async (person: string): Promise<string[]> =>
  (await new Directory(env.DIRECTORY).listOf(person, '', 100)).map(({ id, role }) => `${id} ${role}`);

describe('a member', () => {
  it('is invited by the very id that they sign in with, and sees the town from the answer on', async () => {
    const town = await TestTown.create();
    const eve = 'oidc:google/é|1#?%2F';
    const { text } = await apiKeyOf(eve);
    const read = () => api<Refused>('GET', `/v1/towns/${town.id}`, undefined, text);
    expect(told(await read())).toBe('404 not_found');
    const since = new Date(lab.clock.now()).toISOString();
    const added = await put(town, eve, 'viewer');
    expect(added).toMatchObject({ status: 201, body: { subject: eve, role: 'viewer', since, added_by: 'dev' } });
    expect((await api('GET', '/v1/me', undefined, text)).body).toMatchObject({ subject: eve, scope: 'admin' });
    expect(told(await read())).toBe('200');
    const { body } = await api<Page<{ id: string; role: string }>>('GET', '/v1/towns', undefined, text);
    expect(body.items).toMatchObject([{ id: town.id, role: 'viewer' }]);
    expect(await rolesIn(town)).toEqual({ dev: 'owner', [eve]: 'viewer' });
  });

  it('that is there has the role that was given last; the same again changes nothing, and says so with 200', async () => {
    const town = await TestTown.create();
    await put(town, 'eve', 'viewer');
    expect(told(await put(town, 'eve', 'viewer'))).toBe('200');
    expect(await put(town, 'eve', 'member')).toMatchObject({ status: 200, body: { role: 'member', added_by: 'dev' } });
    await remove(town, 'eve');
    const events = (await town.events()).filter(({ type }) => type.startsWith('reeve.member.'));
    expect(events.map(({ type, subject, data }) => [type, subject, data])).toEqual([
      ['reeve.member.added', 'eve', { role: 'viewer', by: 'dev' }],
      ['reeve.member.changed', 'eve', { role: 'member', by: 'dev' }],
      ['reeve.member.removed', 'eve', { role: 'member', by: 'dev' }],
    ]);
  });

  it('is one of at most 100; the role of one that is there changes all the same', async () => {
    const town = await TestTown.create();
    await inside(town, (p) => {
      for (let nth = 1; nth < MAX_MEMBERS_PER_TOWN; nth += 1)
        p.members.put({ person: `oidc:${nth}`, role: 'viewer', sinceMs: 0, addedBy: 'dev' });
    });
    expect(told(await put(town, 'oidc:one-more', 'viewer'))).toBe('429 limit_exceeded');
    expect(told(await put(town, 'oidc:1', 'owner'))).toBe('200');
    expect(told(await remove(town, 'oidc:2'))).toBe('200');
    expect(told(await put(town, 'oidc:one-more', 'viewer'))).toBe('201');
  });

  it.each([
    ['a line break', 'a\nb'],
    ['more than 270 characters', 'a'.repeat(271)],
  ])('is not invited by a name of %s', async (_, name) => {
    const town = await TestTown.create();
    expect(told(await put(town, name, 'viewer'))).toBe('400 invalid_request');
    expect(await rolesIn(town)).toEqual({ dev: 'owner' });
  });

  it('may leave, whatever their role, and removes no other unless they own the town', async () => {
    const town = await TestTown.create();
    const { text } = await apiKeyOf('eve');
    for (const role of ['viewer', 'member'] as const) {
      await put(town, 'eve', role);
      expect(await remove(town, 'dev', text)).toMatchObject({
        status: 403,
        body: { code: 'insufficient_role', detail: 'It takes the role owner.' },
      });
      expect(told(await remove(town, 'eve', text))).toBe('200');
      expect(told(await remove(town, 'eve', text))).toBe('404 not_found');
    }
    expect(told(await remove(town, 'eve'))).toBe('404 not_found');
  });
});

describe('what a person does in a town', () => {
  it('is counted in windows of a minute, beside what they read: past the limit it is 429, and nothing is written', async () => {
    lab.writesPerMinute = 2;
    const town = await TestTown.create();
    lab.clock.advance(60_000);
    const { text } = await apiKeyOf('eve');
    expect(told(await put(town, 'eve', 'owner'))).toBe('201');
    expect(told(await put(town, 'eve', 'owner'))).toBe('200');
    const before = await tablesOf(town.id, town.stub);
    const refused = await put(town, 'eve', 'viewer');
    expect([told(refused), refused.headers.get('retry-after')]).toEqual(['429 limit_exceeded', '5']);
    expect(await tablesOf(town.id, town.stub)).toEqual(before);
    for (let nth = 0; nth < 5; nth += 1) expect(told(await town.api('GET', ''))).toBe('200');
    expect(told(await put(town, 'ann', 'viewer', text))).toBe('201');
    lab.clock.advance(60_000);
    expect(told(await put(town, 'ann', 'member'))).toBe('200');
  });
});

describe('the last owner', () => {
  it('stays: they neither leave, nor take a lesser role', async () => {
    const town = await TestTown.create();
    await put(town, 'eve', 'member');
    expect(told(await remove(town, 'dev'))).toBe('409 last_owner');
    expect(told(await put(town, 'dev', 'member'))).toBe('409 last_owner');
    expect(await rolesIn(town)).toEqual({ dev: 'owner', eve: 'member' });
  });

  it('may go once another one is there: so a town changes hands', async () => {
    const town = await TestTown.create();
    const { text } = await apiKeyOf('eve');
    await put(town, 'eve', 'owner');
    expect(told(await put(town, 'dev', 'viewer'))).toBe('200');
    expect(told(await town.api('POST', '/agents', { name: 'ada' }))).toBe('403 insufficient_role');
    expect(told(await remove(town, 'eve', text))).toBe('409 last_owner');
    expect(told(await remove(town, 'dev', text))).toBe('200');
    expect(told(await town.api('GET', ''))).toBe('404 not_found');
    expect(await townsOf('dev')).not.toContain(`${town.id} owner`);
    expect(told(await api('DELETE', `/v1/towns/${town.id}`, undefined, text))).toBe('200');
    expect(await townsOf('eve')).toEqual([]);
  });
});

describe('a membership that ends', () => {
  it('closes the streams of that person at once, with 4003, and no other; a ticket that waits opens nothing', async () => {
    const town = await TestTown.create();
    await put(town, 'eve', 'viewer');
    const eves = [
      await RawReader.with(town, await ticketInto(town, 'eve')),
      await RawReader.with(town, await ticketInto(town, 'eve')),
    ];
    const own = await RawReader.open(town);
    const ticket = await ticketInto(town, 'eve');
    await remove(town, 'eve');
    for (const reader of eves) {
      await vi.waitFor(() => expect(reader.closed).toEqual(STREAM_CLOSE.removed), PATIENT);
      expect(reader.types).not.toContain('reeve.member.removed');
    }
    await own.until(({ types }) => types.includes('reeve.member.removed'));
    expect(own.closed).toBeNull();
    expect((await readersOf(town)).map(({ person }) => person)).toEqual(['dev']);
    expect(await refusalOf(await knockAt(town.id, { ticket }))).toBe('401 invalid_token');
  });

  it('ends what the town allows although the directory has not heard of it', async () => {
    const town = await TestTown.create();
    const { text } = await apiKeyOf('eve');
    await put(town, 'eve', 'owner');
    await inside(town, (p) => p.members.remove('eve'));
    expect(await townsOf('eve')).toEqual([`${town.id} owner`]);
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/agents'],
      ['PUT', '/members/eve'],
      ['DELETE', ''],
    ] as const) {
      const body = method === 'POST' ? { name: 'ada' } : { role: 'owner' };
      const answer = await api<Refused>(
        method,
        `/v1/towns/${town.id}${path}`,
        method === 'GET' ? undefined : body,
        text,
      );
      expect([method, path, told(answer)]).toEqual([method, path, '404 not_found']);
    }
    expect(told(await town.api('GET', ''))).toBe('200');
  });

  it('shows a person who waits for a reply nothing of it', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await put(town, 'eve', 'member');
    const { id } = await town.work('ada', 5);
    const waiting = asMember(town.id, 'eve').getMessage('ada', id, 60_000);
    await remove(town, 'eve');
    await town.until('ada', id, 'done');
    expect(await waiting).toEqual({ ok: false, error: 'no_member' });
  });

  it('takes nothing from what the person sent: it goes on, in their name', async () => {
    const town = await TestTown.create();
    await town.agent('ada');
    await put(town, 'eve', 'member');
    const { text } = await apiKeyOf('eve', 'chat');
    const path = `/v1/towns/${town.id}/agents/ada/messages`;
    const { body } = await api<{ id: string }>('POST', path, { content: 'hello' }, text);
    await remove(town, 'eve');
    expect(await town.until('ada', body.id, 'done')).toMatchObject({ sender: 'person:eve' });
  });
});
