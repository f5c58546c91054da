/** `reeve doctor`: looks at a deployment from outside, end to end, and says what to mend. */
import type { Command } from 'commander';
import { styleText } from 'node:util';
import { createClient, everyItem, type ReeveClient } from '../../client/index.ts';
import { EXIT, Ended, causeOf, endOf } from '../exit.ts';
import { fieldsOf } from '../fields.ts';
import type { Output } from '../output.ts';
import { readProfile, type Profile } from '../profile.ts';
import { outputOf } from '../session.ts';
import type { World } from '../world.ts';

interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do about it; empty where it is well. */
  readonly advice: string;
}

/** A clock may be so far off (ms) before tokens that begin now are refused somewhere. */
const SKEW_MS = 60_000;
const TIMEOUT_MS = 15_000;
/** Days before a key's end from which it is spoken of. */
const SOON_MS = 14 * 24 * 3600 * 1000;

export function doctorCommand(program: Command, world: World): void {
  program
    .command('doctor')
    .description(
      'check a deployment end to end: address, health, discovery, keys, clock, sign-in, towns; 1 where something fails',
    )
    .action(async (_: object, command: Command) => {
      const profile = readProfile(world.env);
      const output = outputOf(world, command);
      const findings = await examine(world, profile, (finding) => show(world, output, finding));
      if (output.format === 'json') output.list(findings, {});
      if (findings.some(({ status }) => status === 'fail')) throw new Ended(EXIT.failed);
    });
}

function show({ stdout, env }: World, output: Output, finding: Finding): void {
  if (output.format === 'jsonl') return output.line(finding);
  if (output.format === 'json') return;
  const { check, status, found, advice } = finding;
  const color = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
  const isPlain = stdout.isTTY !== true || (env['NO_COLOR'] ?? '') !== '';
  const mark = status.padEnd(4);
  stdout.write(`${isPlain ? mark : styleText(color[status], mark, { validateStream: false })}  `);
  output.text(`${check.padEnd(12)}${found}${advice === '' ? '' : `\n${' '.repeat(18)}${advice}`}\n`);
}

/** Every finding, in order. Where the address does not answer, there is nothing more to find. */
async function examine(world: World, profile: Profile, tell: (finding: Finding) => void): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (check: string, status: Finding['status'], found: string, advice = ''): void => {
    const finding = { check, status, found, advice };
    findings.push(finding);
    tell(finding);
  };
  if (!(await examineAddress(world, profile, add))) return findings;
  await examineKeys(world, profile, add);
  const client = createClient({ url: profile.url, token: profile.key, fetch: world.fetch });
  if (await examineSignIn(world, client, add)) await examineTowns(world, client, add);
  return findings;
}

type Add = (check: string, status: Finding['status'], found: string, advice?: string) => void;

async function examineAddress(world: World, { url }: Profile, add: Add): Promise<boolean> {
  const began = world.nowMs();
  const answer = await ask(world, `${url}/healthz`);
  if (typeof answer === 'string') {
    add('address', 'fail', `${url} is not reached: ${answer}`, adviceFor(answer));
    return false;
  }
  add(
    'address',
    'ok',
    `${url} answers after ${world.nowMs() - began} ms${url.startsWith('https:') ? ', over TLS' : ''}`,
  );
  const { status, body } = answer;
  const code = textAt(body, 'code');
  if (textAt(body, 'status') === 'ok') {
    add('health', 'ok', 'the Worker is well');
    examineClock(world, textAt(body, 'time'), add);
  } else if (code === 'misconfigured')
    add('health', 'fail', textAt(body, 'detail') || code, 'Mend the variables that it names, and deploy.');
  else
    add(
      'health',
      'fail',
      `/healthz answers ${status}, not as a Reeve does`,
      'Look what else answers there: a proxy, a sign-in page, another Worker.',
    );
  return true;
}

/** By the Worker's own clock, which it says: a `Date` header may be missing, or that of a proxy. */
function examineClock(world: World, time: string, add: Add): void {
  const skewMs = world.nowMs() - Date.parse(time);
  if (Number.isNaN(skewMs))
    add('clock', 'warn', '/healthz does not tell the time', 'Deploy the version of this reeve.');
  else if (Math.abs(skewMs) > SKEW_MS) {
    add(
      'clock',
      'fail',
      `this machine is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'ahead of' : 'behind'} the Worker`,
      'Let it keep time (NTP): tokens are refused by clocks that differ.',
    );
  } else add('clock', 'ok', `within ${SKEW_MS / 1000} s`);
}

async function examineKeys(world: World, { url }: Profile, add: Add): Promise<void> {
  const discovery = await ask(world, `${url}/.well-known/openid-configuration`);
  const issuer = typeof discovery === 'string' ? '' : textAt(discovery.body, 'issuer');
  if (issuer === url) add('discovery', 'ok', `issuer ${issuer}`);
  else {
    const found = issuer === '' ? 'no discovery document' : `the issuer is ${issuer}, and the address ${url}`;
    add(
      'discovery',
      'fail',
      found,
      'Set PUBLIC_URL to the address that people and agents use, and let /.well-known/* pass without a sign-in.',
    );
  }
  const answer = await ask(world, `${url}/.well-known/jwks.json`);
  const keys: unknown = typeof answer === 'string' ? null : answer.body['keys'];
  if (!Array.isArray(keys) || keys.length === 0) {
    return add(
      'keys',
      'fail',
      'no key is published',
      'Set SIGNING_KEYS (npm run keys), and let /.well-known/* pass without a sign-in.',
    );
  }
  const isPrivate = keys.some((key) => typeof key === 'object' && key !== null && 'd' in key);
  if (isPrivate)
    add('keys', 'fail', 'a private key is published', 'Taint it at once: npm run keys -- taint <kid>, and deploy.');
  else add('keys', 'ok', `${keys.length} published`);
}

async function examineSignIn(world: World, client: ReeveClient, add: Add): Promise<boolean> {
  try {
    const { subject, scope, expires_at: at } = await client.getCaller({ signal: world.ending });
    add('sign-in', 'ok', `${subject}, ${scope}`);
    if (scope !== 'admin')
      add(
        'scope',
        'warn',
        `${scope}: towns and agents cannot be made or changed`,
        'Sign in with a key of scope admin for that.',
      );
    if (at !== null && Date.parse(at) - world.nowMs() < SOON_MS)
      add('key', 'warn', `ends ${at}`, 'reeve keys create makes the next one.');
    return true;
  } catch (thrown) {
    add(
      'sign-in',
      'fail',
      endOf(thrown).line,
      'Sign in with a key that lives: reeve login; npm run keys -- api makes a first one.',
    );
    return false;
  }
}

async function examineTowns(world: World, client: ReeveClient, add: Add): Promise<void> {
  const until = { signal: world.ending };
  try {
    for await (const { id, name } of everyItem((cursor) => client.listTowns({ cursor, ...until }))) {
      const { status, reasons } = await client.getTownHealth(id, until);
      if (reasons.length === 0) add('town', 'ok', `${name} (${id}): ${status}`);
      for (const reason of reasons) {
        const about = reason.agent === null ? name : `${name}, ${reason.agent}`;
        add(
          'town',
          reason.status === 'red' ? 'fail' : 'warn',
          `${about}: ${reason.detail} since ${reason.since}`,
          reason.advice,
        );
      }
    }
  } catch (thrown) {
    add('town', 'fail', endOf(thrown).line, 'Look into the log of the Worker for the request.');
  }
}

interface Answered {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What answers there without credentials; or why nothing does. */
async function ask(world: World, address: string): Promise<Answered | string> {
  try {
    const response = await world.fetch(address, {
      signal: AbortSignal.any([world.ending, world.timeout(TIMEOUT_MS)]),
      redirect: 'manual',
    });
    return { status: response.status, body: fieldsOf(await response.text()) };
  } catch (thrown) {
    world.ending.throwIfAborted();
    return thrown instanceof Error ? causeOf(thrown) || thrown.message : String(thrown);
  }
}

function textAt(fields: Readonly<Record<string, unknown>>, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

function adviceFor(reason: string): string {
  if (/certificate|TLS|SSL/i.test(reason))
    return 'Mend its certificate, or give Node the authority that signed it (NODE_EXTRA_CA_CERTS).';
  if (/ENOTFOUND|EAI_AGAIN/.test(reason))
    return 'The name does not resolve: look at the address and at its DNS record.';
  if (/ECONNREFUSED/.test(reason)) return 'Nothing listens there: look whether it is deployed, or npm start runs.';
  return 'Look at the network between this machine and the address.';
}
