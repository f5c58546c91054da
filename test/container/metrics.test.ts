/** What a control server tells of itself in numbers, to whom, and in which words. */
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { scrapedMetrics } from '../../container/metrics.ts';
import { agentId } from '../support/ids.ts';
import { WITHOUT_PROMTOOL, promtool } from '../support/promtool.ts';
import { TestControlServer, message } from './support/control-server.ts';
import { Program } from './support/program.ts';

const ENVIRONMENT = { REEVE_API_URL: 'http://127.0.0.1:9', CONTAINER_PORT: '0' };
const PROCESS = { cpuSeconds: 1, residentBytes: 2, startedAtSeconds: 3 };
afterEach(() => Program.endAll());

/** A control server with an agent that is in a turn, and what is told of it. */
async function atWork() {
  const metrics = scrapedMetrics();
  const { control, session, agent, issued } = await TestControlServer.withAgent({ metrics });
  control.registry.register(agent, { setToken: () => undefined });
  await control.deliver(session, issued, message(1, 'work 600'));
  const scrape = async (): Promise<string> =>
    metrics.serve(new Request('http://127.0.0.1/metrics'), { ...control.server.state(), ...PROCESS }).text();
  return { control, session, agent, scrape };
}
const valueOf = (text: string, sample: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${sample} `))
      ?.slice(sample.length),
  );

describe('the numbers of a control server', () => {
  it('are those of its agents, sessions, registry and swaps', async () => {
    const { control, session, agent, scrape } = await atWork();
    await control.refresh(session, control.town.mint(agent));
    await control.refresh(session, control.town.mint(agentId(9)));
    const text = await scrape();
    expect(valueOf(text, 'reeve_container_sessions')).toBe(1);
    expect(valueOf(text, 'reeve_container_agents{state="working"}')).toBe(1);
    expect(valueOf(text, 'reeve_container_agents{state="idle"}')).toBe(0);
    expect(valueOf(text, 'reeve_container_registry_agents')).toBe(1);
    expect(valueOf(text, 'reeve_container_registry_clients')).toBe(1);
    expect(valueOf(text, 'reeve_container_process_starts_total{outcome="started"}')).toBe(1);
    expect(valueOf(text, 'reeve_container_token_swaps_total{outcome="applied"}')).toBe(1);
    expect(valueOf(text, 'reeve_container_token_swaps_total{outcome="unknown_agent"}')).toBe(1);
  });

  it('count turns by their ends, and batches of reports by what came of them', async () => {
    const { control, scrape } = await atWork();
    await control.clock.advance(700_000);
    const text = await scrape();
    expect(valueOf(text, 'reeve_container_turns_total{state="done"}')).toBe(1);
    expect(valueOf(text, 'reeve_container_event_batches_total{outcome="ok"}')).toBeGreaterThan(0);
    expect(valueOf(text, 'reeve_container_agents{state="idle"}')).toBe(1);
  });

  it('have requests under the pattern of their route, and no id of an agent, a session or a town', async () => {
    const { control, session, agent, scrape } = await atWork();
    await control.refresh(session, control.town.mint(agent));
    await control.server.app.request('/nowhere/at-all');
    const text = await scrape();
    const ofRefresh = `{http_request_method="POST",http_route="/agents/:agent/refresh-token",http_response_status_code="200"}`;
    expect(valueOf(text, `http_server_request_duration_seconds_count${ofRefresh}`)).toBe(1);
    expect(text).not.toMatch(/agent_\w|town_\w|sess_\w|at-all/);
  });

  it('are given on loopback alone, at one address, to a GET', async () => {
    const program = new Program({ ...ENVIRONMENT, CONTAINER_HOST: '0.0.0.0', METRICS_PORT: '0' });
    const url = await program.scrapedAt();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect((await fetch(`${url}/metrics`)).status).toBe(200);
    expect((await fetch(`${url}/`)).status).toBe(404);
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405);
    const elsewhere = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    for (const { address } of elsewhere.filter(({ internal, family }) => !internal && family === 'IPv4')) {
      const socket = connect(Number(new URL(url).port), address);
      const outcome = await new Promise((resolve) => {
        socket.once('connect', () => resolve('connected'));
        socket.once('error', () => resolve('refused'));
      });
      socket.destroy();
      expect(outcome, address).toBe('refused');
    }
  });

  it('are given nowhere unless a port is set', async () => {
    const program = new Program(ENVIRONMENT);
    const address = await program.ready();
    expect((await fetch(`${address}/metrics`)).status).toBe(401);
    expect(program.stdout).not.toContain('"event":"metrics"');
  });

  it.skipIf(WITHOUT_PROMTOOL !== null)(
    'are text that Prometheus reads, with the CPU and memory of the process',
    async () => {
      const url = await new Program({ ...ENVIRONMENT, METRICS_PORT: '0' }).scrapedAt();
      const text = await (await fetch(`${url}/metrics`)).text();
      expect(valueOf(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
      expect(valueOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
      expect(promtool(['check', 'metrics'], text)).toBe('');
    },
  );
});
