/** What an owner settles for a town from the command line: who may do what in it, and where its events go. */
import { afterAll, describe, expect, test } from 'vitest';
import { FOREIGN, OWN } from '../support/fake-edge.ts';
import { webhookId } from '../support/ids.ts';
import { json, signedIn } from './support/signed-in.ts';

const HOOK = webhookId(1);
const ADDRESS = 'https://hooks.example.com/reeve';
const { scene, shell, close } = await signedIn({ WEBHOOK_KEYS: 'a-key-for-the-secrets-of-webhooks-in-tests' });

afterAll(close);

const lastCall = (method: string) => scene.calls.findLast((call) => call.method === method)?.given;

describe('reeve members', () => {
  test('lists who is a member, of a town by its name too', async () => {
    const { code, stdout } = await shell.run(['members', 'list', 'first']);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^SUBJECT +ROLE +SINCE +ADDED BY\ndev +owner /)]);
  });

  test('adds a person, or gives them another role; the subject goes through as it is', async () => {
    const { code, stdout } = await shell.run(['members', 'set', OWN, 'oidc:google|1/2', 'member', '--json']);
    expect([code, json(stdout)]).toEqual([0, expect.objectContaining({ subject: 'oidc:google|1/2', role: 'member' })]);
    expect(lastCall('putMember')).toEqual([{ person: 'oidc:google|1/2', role: 'member' }]);
  });

  test('puts a person out only where a person agrees', async () => {
    const refused = await shell.run(['members', 'remove', OWN, 'bob']);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('--yes')]);
    expect(lastCall('removeMember')).toBeUndefined();
    const { code, stdout } = await shell.run(['members', 'remove', OWN, 'bob', '--yes', '-o', 'jsonl']);
    expect([code, json(stdout)]).toEqual([0, expect.objectContaining({ subject: 'bob' })]);
  });

  test('leaves the last owner in, with the reason', async () => {
    scene.town.instead = () => ({ ok: false, error: 'last_owner' });
    const { code, stdout, stderr } = await shell.run(['members', 'set', OWN, 'dev', 'viewer']);
    expect([code, stdout, stderr]).toEqual([5, '', expect.stringContaining('last_owner')]);
  });
});

describe('reeve webhooks', () => {
  test('creates one, with its secret alone on stdout', async () => {
    const events = ['reeve.turn.*', 'reeve.permission.*'];
    const made = await shell.run(['webhooks', 'create', OWN, ADDRESS, '--events', ...events, '--description', 'chat']);
    expect([made.code, made.stdout]).toEqual([0, expect.stringMatching(/^whsec_\S+\n$/)]);
    expect(made.stderr).toMatch(/^reeve: hook_\S+: .*shown this once\n$/);
    expect(lastCall('webhooks.add')).toEqual([expect.objectContaining({ url: ADDRESS, events, description: 'chat' })]);
  });

  test('rotates its secret in the same way, and shows all of it with --json', async () => {
    const { code, stdout, stderr } = await shell.run(['webhooks', 'rotate', OWN, HOOK, '--json']);
    expect([code, stderr]).toEqual([0, '']);
    expect(json(stdout)).toMatchObject({ id: HOOK, secret: expect.stringMatching(/^whsec_/) });
    expect((await shell.run(['webhooks', 'rotate', OWN, HOOK])).stdout).toMatch(/^whsec_\S+\n$/);
  });

  test('lists them, and shows one', async () => {
    expect((await shell.run(['webhooks', 'list', OWN])).stdout).toMatch(new RegExp(`^ID +URL .*\n${HOOK} +https://`));
    expect((await shell.run(['webhooks', 'get', OWN, HOOK])).stdout).toMatch(new RegExp(`^ID +${HOOK}\n`));
  });

  test('shows why the town itself disabled one', async () => {
    const hook = json((await shell.run(['webhooks', 'get', OWN, HOOK, '--json'])).stdout) as object;
    const disabled = { why: 'failing', at: '2030-01-01T00:00:00.000Z' };
    scene.town.instead = () => ({ ok: true, value: { ...hook, enabled: false, disabled } });
    expect((await shell.run(['webhooks', 'get', OWN, HOOK])).stdout).toMatch(/^ENABLED +false: failing$/m);
  });

  test.each([
    [['change', '--url', 'https://b.example.com/'], { url: 'https://b.example.com/' }],
    [['change', '--events', 'reeve.agent.*', '--description', ''], { events: ['reeve.agent.*'], description: '' }],
    [['disable'], { enabled: false }],
    [['enable'], { enabled: true }],
  ])('changes what %j says, and nothing else', async ([verb = '', ...options], change) => {
    const { code, stdout } = await shell.run(['webhooks', verb, OWN, HOOK, ...options, '--json']);
    expect([code, json(stdout)]).toEqual([0, expect.objectContaining({ id: HOOK })]);
    expect(lastCall('webhooks.change')).toEqual([HOOK, change]);
  });

  test('tests one: 0 where the event was taken, 1 with the reason where it was not', async () => {
    expect((await shell.run(['webhooks', 'test', OWN, HOOK])).code).toBe(0);
    scene.town.instead = () => ({ ok: true, value: { taken: false, error: 'timeout' } });
    const failed = await shell.run(['webhooks', 'test', OWN, HOOK, '--json']);
    expect([failed.code, json(failed.stdout)]).toEqual([1, { taken: false, error: 'timeout' }]);
  });

  test('deletes one only where a person agrees', async () => {
    expect((await shell.run(['webhooks', 'delete', OWN, HOOK])).code).toBe(2);
    expect(lastCall('webhooks.remove')).toBeUndefined();
    expect((await shell.run(['webhooks', 'delete', OWN, HOOK, '--yes'])).code).toBe(0);
  });
});

test.each([
  ['2: a role that there is not', ['members', 'set', OWN, 'bob', 'king'], 2, 'viewer, member, owner'],
  ['2: a webhook without events', ['webhooks', 'create', OWN, ADDRESS], 2, '--events'],
  ['2: a change of nothing', ['webhooks', 'change', OWN, HOOK], 2, '--url'],
  ['2: an event that there is not', ['webhooks', 'create', OWN, ADDRESS, '--events', 'reeve.turn.begun'], 2, 'events'],
  ['3: the members of a town of others', ['members', 'list', FOREIGN], 3, 'not_found'],
  ['3: a webhook that there is not', ['webhooks', 'get', OWN, webhookId(2)], 3, 'not_found'],
])('%s', async (_, args, code, line) => {
  const ran = await shell.run(args);
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([code, '', expect.stringContaining(line)]);
});

test('help shows examples, and a shell completes the verbs', async () => {
  expect((await shell.run(['members', 'set', '--help'])).stdout).toMatch(/Examples:\n {2}\$ reeve members set /);
  expect((await shell.run(['webhooks', 'create', '--help'])).stdout).toMatch(/Examples:\n.*reeve webhooks create /);
  const { stdout } = await shell.run(['complete', '--', 'webhooks', 'r']);
  expect(stdout).toContain('rotate');
});
