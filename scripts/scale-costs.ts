/** `npm run scale:costs` prints what towns cost each month, as docs/scale.md has it: counts of docs/scale/day.json times public prices. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { tableOf } from './markdown-table.ts';

const countsSchema = z.object({
  worker_requests: z.number(),
  container_requests: z.number(),
  alarms: z.number(),
  alarms_set: z.number(),
  rows_read: z.number(),
  rows_written: z.number(),
  directory_writes: z.number(),
});
/** Events of a stretch of time, or of a message, as test/town/scale/day.test.ts counts them. */
type Counts = z.infer<typeof countsSchema>;

/** A town: a message to an agent that is idle, an hour of all at work, the hour in which they come to rest, and an idle one. */
const townSchema = z.object({
  agents: z.number(),
  message: countsSchema,
  working: countsSchema,
  calming: countsSchema,
  idle: countsSchema,
});
/** What docs/scale/day.json holds. */
export type TownCounts = z.infer<typeof townSchema>;

/**
 * US dollars for one of each, without what a plan includes. Looked up in stored copies of these pages on 26 November 2026:
 * https://developers.cloudflare.com/workers/platform/pricing/
 * https://developers.cloudflare.com/durable-objects/platform/pricing/
 * https://developers.cloudflare.com/d1/platform/pricing/
 * https://developers.cloudflare.com/containers/pricing/
 */
const PRICES = {
  workerRequest: 0.3e-6,
  workerCpuMs: 0.02e-6,
  objectRequest: 0.15e-6,
  objectGbSecond: 12.5e-6,
  rowRead: 0.001e-6,
  rowWritten: 1e-6,
  vcpuSecond: 20e-6,
  memoryGibSecond: 2.5e-6,
  diskGbSecond: 0.07e-6,
} as const;

/** Memory that an object is billed with, whatever it uses (GB). */
const OBJECT_GB = 0.128;
/** `basic`, the instance_type of wrangler.toml. */
const CONTAINER = { memoryGib: 1, diskGb: 4 } as const;
/** AGENTS_PER_CONTAINER and SLEEP_AFTER_SECONDS where they are not set. */
const AGENTS_PER_CONTAINER = 8;
const SLEEP_AFTER_SECONDS = 600;
/** The day that is reckoned: all agents at work, and then none. */
const HOURS_AT_WORK = 8;
const IDLE_HOURS = 15;
const MESSAGES_PER_HOUR = 4;
const DAYS_PER_MONTH = 30;
/** Sizes that are not counted. */
const RECKONED = [100, 500];

/** Not counted but assumed. */
const ASSUMED = {
  /** vCPU that an agent at work uses on average: it waits for its model most of the time. */
  vcpuPerAgent: 0.01,
  /** Of the Worker, and again of the town, for each request (ms). */
  requestMs: 5,
  /** How long a town waits for the answer of a container (ms). */
  containerAnswerMs: 50,
} as const;

/** What a town pays for, in dollars each month. */
type Bill = readonly { readonly item: string; readonly dollars: number }[];

function billOf({ agents, message, working, calming, idle }: TownCounts): Bill {
  const messages = agents * MESSAGES_PER_HOUR;
  const aDay = (what: keyof Counts): number =>
    HOURS_AT_WORK * (working[what] + messages * message[what]) + calming[what] + IDLE_HOURS * idle[what];
  const containerSeconds = Math.ceil(agents / AGENTS_PER_CONTAINER) * (HOURS_AT_WORK * 3600 + SLEEP_AFTER_SECONDS);
  const vcpuSeconds = agents * ASSUMED.vcpuPerAgent * HOURS_AT_WORK * 3600;
  const spacePrice = CONTAINER.memoryGib * PRICES.memoryGibSecond + CONTAINER.diskGb * PRICES.diskGbSecond;
  const objectPrice = OBJECT_GB * PRICES.objectGbSecond;
  const townRequests = aDay('worker_requests') + aDay('alarms');
  const containerRequests = aDay('container_requests');
  const townSeconds = (townRequests * ASSUMED.requestMs + containerRequests * ASSUMED.containerAnswerMs) / 1000;
  const workerPrice = PRICES.workerRequest + ASSUMED.requestMs * PRICES.workerCpuMs;
  const items = {
    'containers: memory and disk': containerSeconds * spacePrice,
    'containers: CPU (assumed)': vcpuSeconds * PRICES.vcpuSecond,
    // It watches over its container for as long as that runs, which keeps it in memory.
    'objects of containers: time': containerSeconds * objectPrice,
    'Worker: requests and CPU': aDay('worker_requests') * workerPrice,
    'objects: requests and alarms': (townRequests + containerRequests) * PRICES.objectRequest,
    'object of the town: time': townSeconds * objectPrice,
    'rows written': (aDay('rows_written') + aDay('alarms_set')) * PRICES.rowWritten,
    'rows read': aDay('rows_read') * PRICES.rowRead,
    'directory: rows written': aDay('directory_writes') * PRICES.rowWritten,
  };
  return Object.entries(items).map(([item, dollars]) => ({ item, dollars: dollars * DAYS_PER_MONTH }));
}

/** A town of another size, in proportion: what a town does once for all its agents is reckoned for each ten. */
function inProportion(agents: number, counted: TownCounts): TownCounts {
  const grown = (counts: Counts): Counts => {
    const entries = Object.entries(counts).map(([what, count]) => [what, (count * agents) / counted.agents]);
    return countsSchema.parse(Object.fromEntries(entries));
  };
  const { message, working, calming, idle } = counted;
  return { agents, message, working: grown(working), calming: grown(calming), idle: grown(idle) };
}

/** The table of docs/scale.md. */
export function costTable(counted: TownCounts): string {
  const sizes = [counted, ...RECKONED.map((agents) => inProportion(agents, counted))];
  const bills = sizes.map((town) => ({ agents: town.agents, bill: billOf(town) }));
  const dollars = (amount: number): string => `$${amount.toFixed(2)}`;
  const total = (bill: Bill): number => bill.reduce((sum, one) => sum + one.dollars, 0);
  const rows = (bills[0]?.bill ?? []).map(({ item }, at) => [
    item,
    ...bills.map(({ bill }) => dollars(bill[at]?.dollars ?? 0)),
  ]);
  return tableOf([
    ['each month', ...bills.map(({ agents }) => `${agents} agents`)],
    ...rows,
    ['**a town**', ...bills.map(({ bill }) => dollars(total(bill)))],
    ['**an agent**', ...bills.map(({ agents, bill }) => dollars(total(bill) / agents))],
  ]);
}

/** The counts that are in the tree. */
export function readDayCounts(): TownCounts {
  return townSchema.parse(JSON.parse(readFileSync(join(import.meta.dirname, '../docs/scale/day.json'), 'utf8')));
}

if (import.meta.main) console.log(costTable(readDayCounts()));
