/** What the built-in agent does with its town: it looks for peers, writes and reads mail, delegates, and works on what it is given. */
import { noticeSchema, unfence, type DelegationId, type DelegationWithText, type Peers } from '#protocol';
import type { TownTools } from '../../clients/town-tools.ts';
import { parseJson } from '#lib/json.ts';

/**
 * Runs one of `peers`, `mail`, `mail PEER TEXT` and `delegate PEER TASK`; null where this is none of them.
 * @param parent the delegation that the agent works on, if it does
 */
export async function runErrand(town: TownTools, content: string, parent: DelegationId | null): Promise<string | null> {
  if (content === 'peers') return listPeers(town);
  if (content === 'mail') return readMail(town);
  const [, verb, to = '', text = ''] = /^(mail|delegate) (\S+) ([\s\S]+)$/.exec(content) ?? [];
  if (verb === 'mail') {
    const sent = await town.sendMail({ to, text });
    return sent.ok ? `Mail ${sent.value.id} is in the inbox of ${to}` : refused('mail', sent.error);
  }
  if (verb !== 'delegate') return null;
  const made = await town.delegate({ to, task: text, ...(parent === null ? {} : { parent }) });
  return made.ok ? `Delegated to ${to} as ${made.value.id}` : refused('delegate', made.error);
}

/**
 * Does what the town's own message says. What was assigned is worked on and its result is sent; what is announced is fetched and
 * sent. `work` does a task, or rejects with the reason why not.
 */
export async function heedNotice(
  town: TownTools,
  content: string,
  work: (task: string, id: DelegationId) => Promise<string>,
): Promise<string> {
  const notice = noticeSchema.safeParse(parseJson(content));
  if (!notice.success) throw new Error('The town says something that this agent does not know');
  const lines: string[] = [];
  for (const { id } of notice.data.delegations) {
    const found = await town.readDelegation(id);
    if (!found.ok) lines.push(`${id}: ${found.error}`);
    else if (notice.data.notice === 'delegation.announced') lines.push(whatBecameOf(found.value));
    else lines.push(await workOn(town, found.value, work));
  }
  return lines.join('\n');
}

async function workOn(
  town: TownTools,
  { id, state, task }: DelegationWithText,
  work: (task: string, id: DelegationId) => Promise<string>,
): Promise<string> {
  if (state !== 'open') return `${id} is ${state}`;
  const result = await work(unfence(task) ?? task, id).then(
    (text) => ({ state: 'done' as const, text }),
    (thrown: unknown) => ({ state: 'failed' as const, text: thrown instanceof Error ? thrown.message : 'It failed' }),
  );
  const sent = await town.finishDelegation(id, result);
  return sent.ok ? `${id} is ${result.state}` : `${id}: ${sent.error}`;
}

function whatBecameOf({ id, state, error, result }: DelegationWithText): string {
  const text = result === null ? error : unfence(result);
  return text === null ? `${id} is ${state}` : `${id} is ${state}: ${text}`;
}

async function listPeers(town: TownTools): Promise<string> {
  const peers: Peers['items'] = [];
  for (let after: string | null = null; ;) {
    const page = await town.peers(after);
    if (!page.ok) return refused('peers', page.error);
    peers.push(...page.value.items);
    if (page.value.next === null) break;
    after = page.value.next;
  }
  return peers.length === 0
    ? 'No peers'
    : peers.map(({ name, role, state }) => `${name} (${role}, ${state})`).join('\n');
}

/** All of it, to the end, so that all of it is marked as read. */
async function readMail(town: TownTools): Promise<string> {
  const lines: string[] = [];
  for (let cursor: string | null = null; ;) {
    const page = await town.readMail(cursor);
    if (!page.ok) return [...lines, refused('mail', page.error)].join('\n');
    lines.push(...page.value.items.map(({ from, text }) => `${from}: ${unfence(text) ?? text}`));
    if (page.value.next === null) break;
    cursor = page.value.next;
  }
  return lines.length === 0 ? 'No mail' : lines.join('\n');
}

const refused = (what: string, error: string): string => `${what}: ${error}`;
