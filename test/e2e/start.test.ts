import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newApiKeySchema } from '#protocol';
import { ApiClient } from '../../scripts/api-client.ts';
import { processName } from '../../scripts/holder.ts';
import { freePort, isFree } from '../../scripts/ports.ts';
import { endAll, linesOf, run, tokenIn, untilPrinted, type Run } from './support/command.ts';
import { parentOf } from './support/parent-of.ts';

const ROOT = join(import.meta.dirname, '../..');
const stateDir = mkdtempSync(join(tmpdir(), 'reeve-start-'));
let ports: { PORT: string; CONTAINER_PORT: string };
const start = (env: Record<string, string> = {}, ...args: string[]): Run =>
  run('npm', ['start', ...(args.length === 0 ? [] : ['--', ...args])], { REEVE_STATE_DIR: stateDir, ...ports, ...env });

beforeAll(async () => {
  ports = { PORT: String(await freePort()), CONTAINER_PORT: String(await freePort()) };
});

afterEach(endAll);

afterAll(() => rmSync(stateDir, { recursive: true, force: true }));

describe('npm start', () => {
  it('prints one ready line, a curl that works as printed, and a link that signs in once; SIGTERM stops everything; state survives a restart', async () => {
    const first = start();
    const ready = `reeve ready: http://127.0.0.1:${ports.PORT}`;
    const output = await untilPrinted(first, `${ready}\ncurl `);
    const curl = output.split('\n').find((line) => line.startsWith('curl ')) ?? '';
    const made = run('bash', ['-c', `${curl} -s`]);
    expect(await made.exited).toBe(0);
    const town = JSON.parse(made.output()) as { id: string };
    expect(town.id).toMatch(/^town_/);
    expect(statSync(join(stateDir, 'dev.env')).mode & 0o777).toBe(0o600);
    expect(output).not.toContain(tokenIn(stateDir));
    const origin = `http://127.0.0.1:${ports.PORT}`;
    const printed = await untilPrinted(first, `\nconsole: ${origin}/#sign-in=`);
    const { key } = await signInWith(/#sign-in=(\S+)\n/.exec(printed)?.[1] ?? '', origin);
    expect((await new ApiClient(origin, key).readTown(town.id)).id).toBe(town.id);
    // As many as may wait, so that the next start gets none, says so, and runs all the same.
    await Promise.all(Array.from({ length: 20 }, () => new ApiClient(origin, tokenIn(stateDir)).createSignInLink()));

    first.child.kill('SIGTERM');
    expect(await first.exited).toBe(0);
    expect(await Promise.all(Object.values(ports).map((port) => isFree(Number(port))))).toEqual([true, true]);

    const second = start();
    await untilPrinted(second, ready);
    await untilPrinted(second, '\nreeve: there is no sign-in link for the console: POST /v1/sign-in/links: 429');
    const third = start({ PORT: '9001', CONTAINER_PORT: '9002' });
    expect(await third.exited).toBe(2);
    expect(linesOf(third)[0]).toMatch(new RegExp(`^reeve: ${stateDir} is in use by process \\d+ .*stop it, or set`));
    const tour = run('bash', ['-c', tourFor(ports.PORT)]);
    expect(await tour.exited, tour.output()).toBe(0);
    expect(tour.output()).toContain('good morning');
    expect(tour.output()).toContain('"state":"retired"');
    expect(tour.output()).not.toContain('problem');
    const api = new ApiClient(`http://127.0.0.1:${ports.PORT}`, tokenIn(stateDir));
    expect((await api.readTown(town.id)).id).toBe(town.id);
    // The address that rings the watchdog on this machine.
    expect((await fetch(`http://127.0.0.1:${ports.PORT}/cdn-cgi/local/scheduled`)).status).toBe(200);
    const workerLog = () => readFileSync(join(stateDir, 'logs/worker.log'), 'utf8');
    await expect.poll(workerLog).toMatch(/"event":"watchdog.done","looked":\d+,"overdue":0,"woken":0,"failed":0/);
    const agent = await api.createAgent(town.id, 'ada');
    expect(agent.state).toBe('idle');

    // A control server that dies is started again.
    process.kill(parentOf(agent.process_id), 'SIGKILL');
    const after = await api.eventually(30, 'the restart', async () => {
      const found = await api.readAgent(town.id, 'ada');
      return found.process_id !== null && found.process_id !== agent.process_id ? found : null;
    });
    expect(after.incarnation).toBe(2);

    second.child.kill('SIGTERM');
    expect(await second.exited).toBe(0);
    const fresh = start({}, '--fresh');
    await untilPrinted(fresh, ready);
    await expect(new ApiClient(`http://127.0.0.1:${ports.PORT}`, tokenIn(stateDir)).readTown(town.id)).rejects.toThrow(
      '404',
    );
    // Three starts and a tour, on a machine that may be busy with other tests.
  }, 300_000);

  it('a taken port is one clear line and exit code 2', async () => {
    const blocker = createServer().listen(Number(ports.PORT), '127.0.0.1');
    try {
      const refused = start();
      expect(await refused.exited).toBe(2);
      expect(linesOf(refused)).toEqual([
        `reeve: port ${ports.PORT} is taken by ${processName(process.pid)}; stop it, or set PORT to another one`,
      ]);
    } finally {
      blocker.close();
    }
  });

  it('ports that overlap are one clear line and exit code 2', async () => {
    const same = start({ PORT: '9001', CONTAINER_PORT: '9001' });
    expect(await same.exited).toBe(2);
    expect(linesOf(same)).toEqual(['reeve: PORT 9001 is CONTAINER_PORT too; set one of them to another one']);
    const among = start({ PORT: '9003', CONTAINER_PORT: '9001' }, '--containers', '3');
    expect(await among.exited).toBe(2);
    expect(linesOf(among)).toEqual([
      'reeve: PORT 9003 is among the ports of the control servers, 9001 to 9003; set PORT or CONTAINER_PORT to another one',
    ]);
  });

  it('a state folder that holds other things is one clear line and exit code 2, and is left as it is', async () => {
    const precious = mkdtempSync(join(tmpdir(), 'reeve-precious-'));
    writeFileSync(join(precious, 'thesis.txt'), 'years of work');
    const refused = start({ REEVE_STATE_DIR: precious }, '--fresh');
    expect(await refused.exited).toBe(2);
    expect(linesOf(refused)).toHaveLength(1);
    expect(readFileSync(join(precious, 'thesis.txt'), 'utf8')).toBe('years of work');
    rmSync(precious, { recursive: true });
  });

  it('A-08: a lifetime that is too short for the interval is refused with exit code 2, naming variable and rule', async () => {
    const refused = start({ TOKEN_TTL_SECONDS: '3601', REFRESH_INTERVAL_SECONDS: '1800' });
    expect(await refused.exited).toBe(2);
    expect(linesOf(refused)[0]).toMatch(/^reeve: TOKEN_TTL_SECONDS must be at least 2 \* REFRESH_INTERVAL_SECONDS/);
    expect(refused.output()).not.toContain('3601');
  });

  it('a variable that is not read is warned of, by its name and the one that is meant', async () => {
    const refused = start({ TOKEN_TTL: '3601', HEARTBEAT_SECONDS: 'often' });
    expect(await refused.exited).toBe(2);
    expect(linesOf(refused)).toEqual([
      'reeve: warning: TOKEN_TTL is not read; is TOKEN_TTL_SECONDS meant?',
      'reeve: HEARTBEAT_SECONDS must be whole seconds, 1 to 3600, e.g. 30',
    ]);
  });

  it('a number of control servers that cannot be is refused with exit code 2, and beside CONTAINER_URL any is', async () => {
    for (const containers of ['0', '17', '-1', 'two']) {
      const refused = start({}, `--containers=${containers}`);
      expect(await refused.exited).toBe(2);
      expect(linesOf(refused)).toEqual(['reeve: --containers must be 1 to 16']);
    }
    const both = start({ CONTAINER_URL: 'http://127.0.0.1:1' }, '--containers', '2');
    expect(await both.exited).toBe(2);
    expect(linesOf(both)[0]).toMatch(/^reeve: --containers starts control servers, and CONTAINER_URL names/);
  });

  it('an argument that is not known is refused with exit code 2 and the usage, which --help prints', async () => {
    const refused = start({}, '--contaners', '2');
    expect(await refused.exited).toBe(2);
    expect(refused.output()).toContain('Usage: npm start');
    const help = start({}, '--help');
    expect(await help.exited).toBe(0);
    expect(help.output()).toContain('--containers <n>');
  });
});

async function signInWith(code: string, origin: string) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ code }) };
  return newApiKeySchema.parse(await (await fetch(`${origin}/v1/sign-in`, init)).json());
}

/** The README's tour, word by word but for the port and the state folder of this test; it stops at the first error. */
function tourFor(port: string): string {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const block = /## Five-minute tour[^]*?```sh\n([^]*?)```/.exec(readme)?.[1] ?? 'echo no tour; exit 1';
  const here = block.replaceAll('8787', port).replaceAll('.reeve/auth-header', join(stateDir, 'auth-header'));
  return `set -e\n${here.replaceAll('reeve() { curl', 'reeve() { sleep 0.3; curl --fail-with-body')}`;
}
