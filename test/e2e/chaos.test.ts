/** Short runs of `npm run chaos`: what is promised is judged, and nothing that depends on how fast this machine is. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endAll, run, untilPrinted } from './support/command.ts';
import { CTRL_C, openTerminal, untilNoneWith } from './support/terminal.ts';

/** Of weather. A start, and the rest afterwards, take about as long again. */
const SECONDS = Number(process.env['CHAOS_SECONDS'] ?? '180');
const SEED = process.env['CHAOS_SEED'] ?? '15';
/** What has died several times waits for minutes until it is started again (s). */
const REST_SECONDS = 420;

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'reeve-weather-'))));
afterEach(async () => {
  await endAll();
  await untilNoneWith(folder);
  rmSync(folder, { recursive: true, force: true });
});

const report = (): string => join(folder, 'report.html');
const options = (minutes: number): string[] => ['--minutes', minutes.toFixed(2), '--seed', SEED, '--report', report()];

describe.runIf(process.platform === 'linux')('npm run chaos', () => {
  test('whatever the weather breaks, every promise holds', { timeout: (SECONDS + REST_SECONDS) * 1000 }, async () => {
    const started = run('npm', ['run', '--silent', 'chaos', '--', ...options(SECONDS / 60)], { TMPDIR: folder });
    const code = await started.exited;
    expect([code, started.output()]).toEqual([0, expect.stringContaining('every promise held')]);
    expect(readFileSync(report(), 'utf8')).toContain('<h1>Every promise held</h1>');
  });

  test('Ctrl-C ends all that it started, and the report tells of what there was until then', async () => {
    const terminal = openTerminal(`npm run --silent chaos -- ${options(9).join(' ')}`, { TMPDIR: folder });
    await untilPrinted(terminal, 'messages accepted');
    terminal.type(CTRL_C);
    terminal.type(CTRL_C);
    await terminal.exited;
    await untilNoneWith(folder);
    expect(terminal.output()).toContain('ended early; nothing was broken until then');
    expect(existsSync(report())).toBe(true);
  });
});
