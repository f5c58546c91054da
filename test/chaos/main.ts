/** `npm run chaos`: breaks a real stack in every way that a seed draws, and checks that it kept its promises. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endingSignal } from '../../scripts/ending.ts';
import { Guard } from '../../scripts/guard.ts';
import { USAGE, readArguments } from './arguments.ts';
import { verdict } from './checks.ts';
import { reportOf } from './report.ts';
import { run } from './run.ts';
import { scheduleFrom } from './schedule.ts';
import { canStepClocks } from './fake-clock.ts';

const CONTAINERS = 2;
/** The operator has to change something first. */
const EXIT_OPERATOR = 2;

async function main(): Promise<number> {
  const signal = endingSignal();
  const given = readArguments(process.argv.slice(2), Math.random);
  if (given.kind === 'help') return say(USAGE.trimEnd(), 0);
  if (given.kind === 'refused') return complain(given.line, EXIT_OPERATOR);
  const { minutes, seed, report, keep } = given;
  const schedule = scheduleFrom(seed, minutes, CONTAINERS);
  say(`seed ${seed}, ${minutes} minutes, ${schedule.acts.length} acts; Ctrl-C ends it early`);
  if (!canStepClocks) say('no clock is stepped: there is no libfaketime here');
  const guard = new Guard();
  const stateDir = mkdtempSync(join(tmpdir(), 'reeve-chaos-'));
  if (!keep) guard.protectFolder(stateDir);
  try {
    const history = await run({ schedule, stateDir, containers: CONTAINERS, guard, signal, say });
    const broken = verdict(history);
    writeFileSync(report, reportOf(history, broken, minutes));
    for (const { promise, atMs, what } of broken) complain(`${promise} at ${(atMs / 1000).toFixed(1)} s: ${what}`, 1);
    const repeat = `npm run chaos -- --minutes ${minutes} --seed ${seed}`;
    if (broken.length > 0) complain(`${broken.length} broken; again: ${repeat}`, 1);
    else say(history.aftermath === null ? 'ended early; nothing was broken until then' : 'every promise held');
    say(`the report is in ${report}`);
    return broken.length === 0 && history.aftermath !== null ? 0 : 1;
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
    return complain('ended before there was anything to see', 1);
  } finally {
    if (keep) say(`the logs are in ${stateDir}`);
    else rmSync(stateDir, { recursive: true, force: true, maxRetries: 10 });
    guard.end();
  }
}

function say(line: string, code = 0): number {
  process.stdout.write(`${line}\n`);
  return code;
}

function complain(line: string, code: number): number {
  process.stderr.write(`chaos: ${line}\n`);
  return code;
}

process.exitCode = await main();
process.exit();
