/** The dashboard and the alerts of docs/monitoring: they ask for what is scraped, fire for what they say, and are explained. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scrapedMetrics } from '../container/metrics.ts';
import { METRICS } from '../src/http/operators/families.ts';
import { DEV_TOKEN } from './support/bindings.ts';
import { OWN, makeScene } from './support/fake-edge.ts';
import { NOW_MS } from './support/issuer.ts';
import { WITHOUT_PROMTOOL, promtool } from './support/promtool.ts';
import { ROOT } from './support/source.ts';

const FOLDER = join(ROOT, 'docs/monitoring');
const read = (file: string): string => readFileSync(join(FOLDER, file), 'utf8');
const alerts = Array.from(read('alerts.yml').matchAll(/- alert: (\w+)/g), ([, name]) => name ?? '');
if (WITHOUT_PROMTOOL !== null) process.stderr.write(`tests with promtool are skipped: ${WITHOUT_PROMTOOL}\n`);

/** Every name of a metric that the Worker and a control server write. */
async function scraped(): Promise<Set<string>> {
  const scene = await makeScene();
  const figures = Object.fromEntries(METRICS.flatMap(({ of }) => of.map(([figure]) => [figure, NOW_MS])));
  await scene.edge.figures.publish(OWN, { atMs: NOW_MS, figures });
  const ofWorker = await (await scene.send('GET', '/metrics', { bearer: DEV_TOKEN })).text();
  const metrics = scrapedMetrics();
  metrics.answered('GET', '/agents', 200, 1);
  metrics.swapped('applied');
  metrics.started('started');
  metrics.reported('ok');
  const state = { sessions: 1, working: 1, idle: 1, registered: 1, clients: 1 };
  const usage = { cpuSeconds: 1, residentBytes: 1, startedAtSeconds: 1 };
  const ofContainer = await metrics.serve(new Request('http://x/metrics'), { ...state, ...usage }).text();
  const samples = `${ofWorker}${ofContainer}`.matchAll(/^([a-z_]+)[{ ]/gm);
  return new Set(Array.from(samples, ([, name]) => name ?? ''));
}
const namesIn = (text: string): string[] => text.match(/\b(?:reeve|http_server|process)_[a-z_]+(?=[{[ )"]|$)/gm) ?? [];

describe('the dashboard and the alerts', () => {
  test('ask for metrics that are written, and for no other', async () => {
    const known = await scraped();
    const panels = JSON.parse(read('dashboard.json')) as { panels: { targets: { expr: string }[] }[] };
    const expressions = panels.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    const asked = [...expressions, read('alerts.yml')].flatMap(namesIn);
    expect(asked.length).toBeGreaterThan(30);
    expect(asked.filter((name) => !known.has(name))).toEqual([]);
  });

  test('are each explained in operations.md, by name, and nothing else is', () => {
    const explained = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8').matchAll(/^\*\*(Reeve\w+)\.\*\* /gm);
    expect(Array.from(explained, ([, name]) => name)).toEqual(alerts);
  });

  test('have each a test in which they fire, and one in which they do not', () => {
    const tests = read('alerts.test.yml');
    for (const alert of alerts) {
      expect(tests, alert).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:\\n\\s+- exp_labels`));
      expect(tests, alert).toContain(`alertname: ${alert}, exp_alerts: [] }`);
    }
  });

  test.skipIf(WITHOUT_PROMTOOL !== null)('fire as their tests say, by Prometheus itself', () => {
    expect(promtool(['check', 'rules', join(FOLDER, 'alerts.yml')])).toBe('');
    expect(promtool(['test', 'rules', join(FOLDER, 'alerts.test.yml')])).toBe('');
  });
});
