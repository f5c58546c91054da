/**
 * The long life of a town. In the suite it is a day of work in each week of three months; `REEVE_SCALE=full` asks for every day of a year.
 */
import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { expect, it } from 'vitest';
import type { TownHealth } from '../../../src/protocol/index.ts';
import { activated, newKey, pruned, rotated } from '../../../src/tokens/key-edit.ts';
import type { PrivateKeySet } from '../../../src/tokens/key-set.ts';
import { dueTimes } from '../../../src/town/alarm/run-due.ts';
import { AsAgent } from '../support/as-agent.ts';
import { inside } from '../support/inside.ts';
import { lab } from '../support/lab.ts';
import { costOf } from '../support/statements.ts';
import { lastTokenOf } from '../support/tokens.ts';
import { TestTown, api } from '../support/town.ts';
import { CONTAINER_SECRET, currentKeys, useKeys } from '../support/wiring.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Days between two that the town lives through; on those between it sleeps. */
const IS_FULL = env.SCALE === 'full';
const [DAYS, STRIDE] = IS_FULL ? [365, 1] : [13, 7];
/** What is forgotten is forgotten after thirty days: from here on as much goes as comes. */
const SETTLED_AFTER_MS = 32 * DAY_MS;
/** Retired agents that this town keeps: fewer than come and go until it has settled. */
const KEPT_RETIRED = 8;
/** Pages of a database fill one after the other. */
const SLACK_BYTES = 16 * 4096;
/** Rows: what is pruned is pruned in steps. */
const SLACK = 32;
const STAFF = ['ada', 'bob'];
const HEARTBEAT = { turn: null, current_task: null, error_rate: 0, uptime_seconds: 1, last_progress_at: null };

/** What an act of a person or of an agent reads in this town. */
interface Reads {
  readonly [act: string]: number;
}

interface Look {
  readonly day: number;
  readonly bytes: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly reads: Reads;
}

async function look(town: TestTown, day: number): Promise<Look> {
  const stored = await runInDurableObject(town.stub, (_, { storage: { sql } }) => {
    const tables = sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
      )
      .toArray();
    const count = (table: string): number => sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM "${table}"`).one().n;
    return { bytes: sql.databaseSize, rows: Object.fromEntries(tables.map(({ name }) => [name, count(name)])) };
  });
  return { day, ...stored, reads: await readsOf(town) };
}

async function readsOf(town: TestTown): Promise<Reads> {
  const paths = [
    '',
    '/health',
    '/agents?limit=2',
    '/agents/ada',
    '/agents/ada/messages?order=newest&limit=20',
    '/events?limit=20',
    '/containers',
  ];
  const reads: Record<string, number> = {};
  for (const path of paths) reads[`GET ${path}`] = (await costOf(() => town.api('GET', path))).read;
  // How often its sender asks for the answer depends on the machine: the statement that reads most does not. Of two, since with each
  // 64th event go old ones, and with one of these messages at most.
  const messages = [await costOf(() => say(town, 'bob', 'hello')), await costOf(() => say(town, 'bob', 'hello'))];
  reads['a message'] = Math.min(...messages.map(({ dearest }) => dearest.read));
  return reads;
}

async function say(town: TestTown, name: string, content: string): Promise<void> {
  const { id } = await town.send(name, content);
  await town.until(name, id, 'done');
}

/** Rows of each table, and rows that each act reads. */
const counted = ({ rows, reads }: Look): Readonly<Record<string, number>> => ({ ...rows, ...reads });

/** What a town does on a day, and what happens to it. */
async function live(town: TestTown, nth: number): Promise<void> {
  const visitor = `visitor-${nth}`;
  const { id } = await town.agent(visitor);
  for (const name of [...STAFF, visitor]) await say(town, name, `hello ${nth}`);
  await say(town, 'bob', `mail ada ${nth}`);
  await say(town, 'ada', 'mail');
  // Of the lab's agents a second's work takes one step of the clock, however long: this one is at work for hours, and sweeps find it.
  const { id: turn } = await town.send('ada', 'work 12');
  await town.until('ada', turn, 'working');
  await town.elapse(2 * HOUR_MS);
  // A deploy, and a container that is replaced under the turn, which then begins anew.
  await evictDurableObject(town.stub);
  if (nth % 3 === 0) {
    town.container().restart();
    await api('POST', '/v1/container/hello', { version: 1 }, CONTAINER_SECRET);
  }
  await town.elapse(4 * HOUR_MS);
  for (let second = 0; second < 12; second += 1) {
    lab.clock.advance(1000);
    await town.settled();
  }
  await town.until('ada', turn, 'done');
  await new AsAgent(town, 'ada').delegate('bob', `task ${nth}`);
  await town.elapse(HOUR_MS);
  await town.api('POST', '/tickets', {});
  const token = lastTokenOf({ id });
  await town.api('DELETE', `/agents/${visitor}`);
  await api('POST', '/v1/agent/heartbeat', HEARTBEAT, token);
  await town.elapse(2 * HOUR_MS);
}

/** A new signing key each month, as docs/operations.md has it. */
async function rotate(town: TestTown): Promise<void> {
  const steps: ((keys: PrivateKeySet) => Promise<PrivateKeySet>)[] = [
    async (keys) => taken(rotated(keys, await newKey('next'))),
    async (keys) => taken(activated(keys)),
    async (keys) => pruned(keys),
  ];
  for (const step of steps) {
    await useKeys(await step(await currentKeys()));
    await town.api('GET', '');
    await evictDurableObject(town.stub);
    await town.elapse(4 * HOUR_MS);
  }
}

function taken<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

it(
  'a town that lives long is no larger and reads no more than when it was young, has nothing due for ever, and is well',
  async () => {
    lab.retiredAgents = KEPT_RETIRED;
    const town = await TestTown.create();
    const born = lab.clock.now();
    for (const name of STAFF) await town.agent(name);
    const looks: Look[] = [];
    for (let day = 0; day < DAYS; day += 1) {
      await live(town, day);
      if (day % Math.ceil(28 / STRIDE) === 0) {
        await rotate(town);
        looks.push(await look(town, Math.round((lab.clock.now() - born) / DAY_MS)));
      }
      const { body } = await town.api<TownHealth>('GET', '/health');
      expect({ day, ...body }).toEqual({ day, status: 'green', reasons: [] });
      await town.elapse(born + (day + 1) * STRIDE * DAY_MS - lab.clock.now());
      const due = await inside(town, dueTimes);
      expect({ day, due: Object.entries(due).filter(([, at]) => at !== null) }).toEqual({ day, due: [] });
      expect(await town.alarmAt()).toBeNull();
    }
    if (IS_FULL) {
      // For docs/scale.md.
      // oxlint-disable-next-line no-console
      console.log(JSON.stringify(looks));
    }
    const [young, old] = [looks.find(({ day }) => day * DAY_MS >= SETTLED_AFTER_MS), looks.at(-1)];
    if (young === undefined || old === undefined || young === old) throw new Error('it did not live long enough');
    const grown = looks.slice(looks.indexOf(young)).flatMap((later) =>
      Object.entries(counted(later)).flatMap(([what, count]) => {
        const before = counted(young)[what] ?? 0;
        return count <= before * 1.1 + SLACK ? [] : [{ day: later.day, what, before, count }];
      }),
    );
    expect(grown).toEqual([]);
    expect(old.rows['agents']).toBe(STAFF.length + KEPT_RETIRED);
    expect(old.bytes - young.bytes).toBeLessThan(SLACK_BYTES);
  },
  30 * 60_000,
);
