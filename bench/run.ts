/** `npm run bench`: measures what Reeve claims of its speed, and says which goals are met. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { calls } from './claims/calls.ts';
import { isMet, type Bench, type Claim, type Finding } from './claims/claim.ts';
import { creation } from './claims/creation.ts';
import { delivery } from './claims/delivery.ts';
import { life } from './claims/life.ts';
import { agentsPackage } from './claims/agents-package.ts';
import { poll } from './claims/poll.ts';
import { readers } from './claims/readers.ts';
import { restart } from './claims/restart.ts';
import { swap } from './claims/swap.ts';
import { sweep } from './claims/sweep.ts';
import { ROOT } from '../scripts/programs.ts';
import { findingsTable, withFindings } from './report.ts';
import { aborted, endingSignal } from '../scripts/ending.ts';
import { startBench } from './stack.ts';

const CLAIMS: readonly Claim[] = [sweep, delivery, calls, readers, life, creation, swap, restart, agentsPackage, poll];
const USAGE = `Usage: npm run bench -- [--only <claim,...>] [--rounds <n>] [--write]

Measures a Worker in workerd and a real control server on this machine, all sides of a comparison by turns in one run.

  --only    ${CLAIMS.map(({ name }) => name).join(', ')}; default: all
  --rounds  of each comparison, 5 to 100; default 5. The median counts
  --write   puts the table and the plots into docs/benchmarks.md, and each round into docs/benchmarks.json; only with all claims
`;
const DOCUMENT = join(ROOT, 'docs/benchmarks.md');
const MEASURED = join(ROOT, 'docs/benchmarks.json');
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;
/** A goal was not met. */
const EXIT_NOT_MET = 1;
/** As many agents in one container as one request of a sweep takes. */
const SETTINGS = { AGENTS_PER_CONTAINER: '100' };

interface Options {
  readonly claims: readonly Claim[];
  readonly rounds: number;
  readonly writes: boolean;
}

function usage(line: string): never {
  process.stderr.write(`reeve bench: ${line}\n`);
  process.exit(EXIT_USAGE);
}

function optionsOf(args: readonly string[]): Options {
  const options = { only: { type: 'string' }, rounds: { type: 'string' }, write: { type: 'boolean' } } as const;
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
  if (values.write === true && values.only !== undefined) usage('--write needs all claims');
  return { claims: CLAIMS.filter(({ name }) => names.includes(name)), rounds, writes: values.write === true };
}

async function main(): Promise<void> {
  const { claims, rounds, writes } = optionsOf(process.argv.slice(2));
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
  process.stdout.write(findingsTable(findings));
  if (writes) write(rounds, findings);
  process.exitCode = findings.some((finding) => isMet(finding) === false) ? EXIT_NOT_MET : 0;
}

/** One file has what was measured, the other shows it. */
function write(rounds: number, findings: readonly Finding[]): void {
  writeFileSync(MEASURED, `${JSON.stringify({ at: new Date().toISOString(), rounds, findings }, null, 2)}\n`);
  writeFileSync(DOCUMENT, withFindings(readFileSync(DOCUMENT, 'utf8'), findings));
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
