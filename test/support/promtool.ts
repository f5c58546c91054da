/** Prometheus' own tool, where Debian's package `prometheus` is installed: it says whether others can read what is written for it. */
import { spawnSync } from 'node:child_process';

const found = spawnSync('promtool', ['--version'], { stdio: 'ignore' }).status === 0;

/** Why tests with it are skipped, or null: they run. */
export const WITHOUT_PROMTOOL = found ? null : 'promtool is not installed (Debian: apt-get install prometheus)';

/** What it objects to; empty: nothing. */
export function promtool(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, { input, encoding: 'utf8' });
  return status === 0 && stderr === '' ? '' : `exit ${status}\n${stdout}${stderr}`;
}
