/** `npm run bench`: measures what Reeve claims of its speed, and says which goals are met. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { calls } from './claims/calls.ts';
import { isMet, type Bench, type Claim, type Finding } from './claims/claim.ts';
import { creation } from './claims/creation.ts';
import { delivery } from './claims/delivery.ts';
import { life } from './claims/life.ts';
import { readers } from './claims/readers.ts';
import { swap } from './claims/swap.ts';
import { sweep } from './claims/sweep.ts';
import { tableOf } from './report.ts';
import { aborted, endingSignal } from '../scripts/ending.ts';
import { startBench } from './stack.ts';

const CLAIMS: readonly Claim[] = [sweep, delivery, calls, readers, life, creation, swap];
const USAGE = `Usage: npm run bench -- [--only <claim,...>] [--rounds <n>] [--json <file>]

Measures a Worker in workerd and a real control server on this machine, all sides of a comparison by turns in one run.

  --only    ${CLAIMS.map(({ name }) => name).join(', ')}; default: all
  --rounds  of each comparison, 5 to 100; default 5. The median counts
  --json    writes what was measured, each round of it, into this file
`;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** A goal was not met. */
const EXIT_NOT_MET = 1;
/** As many agents in one container as one request of a sweep takes. */
const SETTINGS = { AGENTS_PER_CONTAINER: '100' };

interface Options {
  readonly claims: readonly Claim[];
  readonly rounds: number;
  readonly json: string | null;
}

function usage(line: string): never {
  process.stderr.write(`reeve bench: ${line}\n`);
  process.exit(EXIT_USAGE);
}

function optionsOf(args: readonly string[]): Options {
  const options = { only: { type: 'string' }, rounds: { type: 'string' }, json: { type: 'string' } } as const;
  const help = { help: { type: 'boolean', short: 'h' } } as const;
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options: { ...options, ...help } }));
  } catch (thrown) {
    return usage(thrown instanceof Error ? thrown.message : 'bad arguments');
  }
  if (values.help === true) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  const rounds = Number(values.rounds ?? '5');
  if (!Number.isInteger(rounds) || rounds < 5 || rounds > 100) usage('--rounds must be 5 to 100');
  const names = values.only?.split(',') ?? CLAIMS.map(({ name }) => name);
  const unknown = names.find((name) => !CLAIMS.some((claim) => claim.name === name));
  if (unknown !== undefined) usage(`there is no claim "${unknown}"; --help lists them`);
  return { claims: CLAIMS.filter(({ name }) => names.includes(name)), rounds, json: values.json ?? null };
}

async function main(): Promise<void> {
  const { claims, rounds, json } = optionsOf(process.argv.slice(2));
  const ending = endingSignal();
  const stack = await startBench(SETTINGS);
  const measured = measureAll(claims, { stack, rounds, say: (line) => process.stderr.write(`${line}\n`) });
  // Where a signal ends it, what was under way fails with the stack.
  measured.catch(() => undefined);
  let findings: readonly Finding[] | null;
  try {
    findings = await Promise.race([measured, aborted(ending).then(() => null)]);
  } finally {
    await stack.stop();
  }
  if (findings === null) {
    process.exitCode = EXIT_INTERRUPTED;
    return;
  }
  process.stdout.write(tableOf(findings));
  if (json !== null) writeFileSync(json, `${JSON.stringify({ rounds, findings }, null, 2)}\n`);
  process.exitCode = findings.some((finding) => isMet(finding) === false) ? EXIT_NOT_MET : 0;
}

async function measureAll(claims: readonly Claim[], bench: Bench): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const claim of claims) {
    bench.say(`${claim.name}:`);
    findings.push(...(await claim.measure(bench)));
  }
  return findings;
}

await main();
