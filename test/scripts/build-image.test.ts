/** What the image copies, built into a folder of its own, and run from there as the image runs it. */
import { spawnSync } from 'node:child_process';
import { isBuiltin } from 'node:module';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { agentStartedSchema, healthSchema, runningAgentsSchema } from '#protocol';
import { stop as stopBundler } from 'esbuild';
import { PROGRAMS } from '../../container/lib/program-file.ts';
import { signalGroup } from '../../container/agents/process/process-group.ts';
import { buildImage } from '../../scripts/build-image.ts';
import { NOTICES } from '../../scripts/notices.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { message } from '../container/support/control-server.ts';
import { Program } from '../container/support/program.ts';
import { keySetOf, sendTo } from '../container/support/push.ts';
import { SpanReceiver } from '../container/support/span-receiver.ts';
import { agentId, containerName, secretOf, sessionId } from '../support/ids.ts';
import { ROOT } from '../support/source.ts';

const SCRIPT = join(ROOT, 'scripts/build-image.ts');
const TOWN = 'http://127.0.0.1:9';
const HOUR_MS = 3_600_000;
const FILES = ['main', ...PROGRAMS].map((program) => `${program}.mjs`);
const SHIPPED = [...FILES, NOTICES];
const base = mkdtempSync(join(tmpdir(), 'reeve-image-'));
const folder = join(base, 'dist');
/** Processes of agents: each leads a group. */
const leaders: number[] = [];

beforeAll(async () => {
  const umask = process.umask(0o077);
  await buildImage(folder).finally(() => process.umask(umask));
});
afterEach(() => {
  Program.endAll();
  for (const pid of leaders.splice(0)) signalGroup(pid, 'SIGKILL');
});
afterAll(async () => {
  await stopBundler();
  rmSync(base, { recursive: true, force: true });
});

/** Hears nothing: neither the protocol, nor the end of its input. */
const DEAF = {
  command: 'sleep',
  args: ['600'],
  env: {},
  cwd: null,
  secrets: {},
  credentials: 'none',
  permissions: 'ask',
};

/** A control server from the bundle, with a session and an agent; without a runtime, the built-in one. */
async function withAgent(runtime: typeof DEAF | null = null, variables: Readonly<Record<string, string>> = {}) {
  const key = await newKey('active');
  const environment = {
    REEVE_API_URL: TOWN,
    REEVE_JWKS: JSON.stringify(keySetOf(key)),
    CONTAINER_PORT: '0',
    AGENT_STATE_DIR: join(base, 'state'),
    ...variables,
  };
  const program = new Program(environment, [], { command: [process.execPath, join(folder, 'main.mjs')] });
  const address = await program.ready();
  const { boot } = healthSchema.parse(await (await fetch(`${address}/health`)).json());
  const container = containerName(1);
  const session = sessionId(1);
  const send = sendTo(address, key, TOWN, container);
  const opening = { version: 1, container, session, epoch: 1, secret: secretOf(1), heartbeat_seconds: 30 };
  expect((await send(boot, 'PUT', '/session', opening)).status).toBe(200);
  const agent = agentId(1);
  const [issued_at, expires_at] = [0, HOUR_MS].map((ms) => new Date(Date.now() + ms).toISOString());
  const issued = { agent, inc: 1, gen: 1, jti: 'jti-0001', token: 'a-token', issued_at, expires_at };
  const order = { inc: 1, name: 'ada', role: 'worker', grant: issued, runtime };
  const started = await send(session, 'POST', `/agents/${agent}/start`, order);
  const { process_id } = agentStartedSchema.parse(await started.json());
  expect(process_id).toBeGreaterThan(0);
  leaders.push(process_id);
  return {
    program,
    process_id,
    deliver: async (content: string, traceparent: string | null = null) => {
      const body = { inc: 1, grant: issued, messages: [{ ...message(1, content), traceparent }] };
      expect((await send(session, 'POST', `/agents/${agent}/messages`, body)).status).toBe(200);
    },
    messages: async () => {
      const { agents } = runningAgentsSchema.parse(await (await send(session, 'GET', '/agents')).json());
      return agents.flatMap(({ messages }) => messages.map(({ state }) => state));
    },
  };
}

describe('the bundle', () => {
  it('tells of itself in numbers where a port is set for that', async () => {
    const environment = { REEVE_API_URL: TOWN, CONTAINER_PORT: '0', METRICS_PORT: '0' };
    const program = new Program(environment, [], { command: [process.execPath, join(folder, 'main.mjs')] });
    const answer = await fetch(`${await program.scrapedAt()}/metrics`);
    expect(await answer.text()).toMatch(/^process_resident_memory_bytes \d{7,}$/m);
  });

  it('sends the spans of a traced turn to a collector, with the headers that it is given, which nothing of it shows', async () => {
    const receiver = await SpanReceiver.listen();
    try {
      const { program, deliver } = await withAgent(null, {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=zx81-secret',
        OTEL_SERVICE_NAME: 'the-image',
      });
      await deliver('hello', `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`);
      await expect.poll(() => program.stdout).toContain('"turn_finished"');
      program.kill('SIGTERM');
      expect(await program.exitCode()).toBe(0);
      const names = receiver.spans.map(({ name }) => name);
      expect(names).toEqual(expect.arrayContaining(['receive', 'invoke_agent']));
      expect(new Set(receiver.spans.map(({ traceId }) => traceId))).toEqual(new Set(['ab'.repeat(16)]));
      expect(receiver.spans[0]?.resource).toMatchObject({ 'service.name': 'the-image' });
      expect(receiver.requests[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-api-key': 'zx81-secret' } });
      expect(program.stdout + program.stderr).not.toContain('zx81');
    } finally {
      receiver.close();
    }
  });

  it('is one file for each program and one of licenses, which every user may read, and replaces what was there', async () => {
    const again = join(base, 'again');
    await buildImage(again);
    const before = statSync(join(again, 'main.mjs')).ino;
    await buildImage(again);
    expect(statSync(join(again, 'main.mjs')).ino).not.toBe(before);
    for (const built of [again, folder]) {
      const entries = readdirSync(built, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
      expect(files.toSorted()).toEqual(SHIPPED.map((name) => join(built, name)).toSorted());
      for (const file of files) expect((statSync(file).mode & 0o777).toString(8)).toBe('644');
      const folders = [
        built,
        ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name)),
      ];
      for (const one of folders) expect((statSync(one).mode & 0o777).toString(8)).toBe('755');
    }
    expect(readdirSync(base).filter((name) => name.startsWith('again.'))).toEqual([]);
  });

  it('carries the license of each package that is in it', () => {
    const notices = readFileSync(join(folder, NOTICES), 'utf8');
    expect(notices).toMatch(/^@agentclientprotocol\/sdk 2[\d.]+ \(Apache-2\.0\)\n\nApache License$/m);
    expect(notices).toMatch(/^fast-uri [\d.]+ \(BSD-3-Clause\)\n\nCopyright \(c\)/m);
    expect(notices).not.toMatch(/^commander /m);
  });

  it('needs nothing but Node: no package, no path of the machine that built it, no require', () => {
    for (const name of FILES) {
      const text = readFileSync(join(folder, name), 'utf8');
      const imported = [...text.matchAll(/^import\b[^;]*?"([^"]+)";$/gm)].map(([, target]) => target ?? '');
      expect(imported).not.toEqual([]);
      expect(imported.filter((target) => !isBuiltin(target))).toEqual([]);
      expect(text).not.toContain('Dynamic require of');
      for (const path of [ROOT, base, `${homedir()}/`]) expect(text.includes(path), path).toBe(false);
    }
  });

  it('runs the built-in agent from beside itself, and ends in order on SIGTERM', async () => {
    const { program, process_id, deliver, messages } = await withAgent();
    if (existsSync('/proc/self/cmdline')) {
      const line = readFileSync(`/proc/${process_id}/cmdline`, 'utf8').split('\0');
      expect(line).toContain(join(folder, 'agents/built-in/main.mjs'));
    }
    await deliver('good morning');
    await expect.poll(messages).toEqual(['done']);
    program.kill('SIGTERM');
    expect(await program.exitCode()).toBe(0);
  });

  it('lets a turn come to its end on SIGTERM', async () => {
    const { program, deliver, messages } = await withAgent();
    await deliver('work 1');
    await expect.poll(messages).toEqual(['working']);
    program.kill('SIGTERM');
    await expect.poll(() => program.stdout).toContain('"draining"');
    expect(program.stdout).not.toContain('"shutting_down"');
    expect(await program.exitCode()).toBe(0);
    expect(program.stdout).toContain('"shutting_down"');
  });

  it('does not wait for a turn after a second signal, and leaves nothing of its agent', async () => {
    const { program, process_id, deliver, messages } = await withAgent();
    await deliver('work 600');
    await expect.poll(messages).toEqual(['working']);
    program.kill('SIGTERM');
    await expect.poll(() => program.stdout).toContain('"draining"');
    // What holds for the turn goes on meanwhile.
    expect(await messages()).toEqual(['working']);
    program.kill('SIGTERM');
    expect(await program.exitCode()).toBe(0);
    expect(signalGroup(process_id, 0)).toBe(false);
  });

  it('a control server that is killed takes its agents along: the guard runs from beside it too', async () => {
    const { program, process_id } = await withAgent(DEAF);
    expect(signalGroup(process_id, 0)).toBe(true);
    program.kill('SIGKILL');
    await program.exitCode();
    await expect.poll(() => signalGroup(process_id, 0)).toBe(false);
  });
});

describe('npm run image:build', () => {
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8' });
    return { status, stdout, stderr };
  };

  it('--help says what it makes', () => {
    const { status, stdout } = run('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('container/image/dist');
  });

  it('an argument that it does not know ends with 2 and one line', () => {
    for (const args of [['--verbose'], ['somewhere']]) {
      const { status, stdout, stderr } = run(...args);
      expect([status, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
    }
  });
});
