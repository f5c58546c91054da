/** The real program, as a process of its own. */
import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MAX_AUTHORIZATION_BYTES, healthSchema } from '#protocol';
import { SYSTEM_ACCOUNTS } from '../../container/agents/users/account-files.ts';
import { withLock } from '../../container/agents/users/account-lock.ts';
import { realClock } from './agents/process/support/process-scene.ts';
import { TOWN_URL } from './support/fake-town-api.ts';
import { containerName } from '../support/ids.ts';
import { newKey } from '../../src/tokens/key-edit.ts';
import { MAIN, Program } from './support/program.ts';
import { keySetOf, signPush } from './support/push.ts';

/** What a process has beside the file of users while it waits for its lock. */
const waitingFilesOf = (pid: number): string[] =>
  readdirSync(dirname(realpathSync(SYSTEM_ACCOUNTS.passwd))).filter((name) => name.startsWith(`passwd.${pid}.`));

const ENVIRONMENT = { REEVE_API_URL: 'http://127.0.0.1:9', CONTAINER_PORT: '0' };
const NOT_ROOT = { uid: 65_534 };

/** A request whose body does not end; `sent` resolves when its headers are out. */
function openRequest(address: string) {
  const request = httpRequest(`${address}/session`, { method: 'PUT', headers: { 'content-length': '100' } });
  request.on('error', () => undefined);
  const sent = new Promise<void>((resolve) => request.write('{', () => resolve()));
  return { request, sent };
}

afterEach(() => Program.endAll());

describe('container/main.ts', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`listens, answers, and ends with 0 on ${signal}`, async () => {
      const program = new Program(ENVIRONMENT);
      const address = await program.ready();
      const health = healthSchema.parse(await (await fetch(`${address}/health`)).json());
      expect(program.stdout).toContain(health.boot);
      expect(program.stdout).toContain('"agent_users":"shared"');
      expect((await fetch(`${address}/agents`)).status).toBe(401);
      program.kill(signal);
      expect(await program.exitCode()).toBe(0);
      expect(program.stdout.trim().split('\n')).toHaveLength(2);
    });
  }

  it('warns of a variable that is not read, and names the one that is meant', async () => {
    const program = new Program({ ...ENVIRONMENT, CONTAINER_PROT: 'a-value', REEVE_COLOUR: 'a-value' });
    await program.ready();
    expect(program.stderr.trimEnd().split('\n')).toEqual([
      'reeve container: warning: CONTAINER_PROT is not read; is CONTAINER_PORT meant?',
      'reeve container: warning: REEVE_COLOUR is not read; the table in README.md has all that are',
    ]);
  });

  it('W-22: counts what its libraries print, of errors with their place, and shows none of it', async () => {
    // Put together there, so that no address of the module holds it.
    const quoted = "['Bearer', 'abc'].join(' ')";
    const prints = `console.error(${quoted}, new Error(${quoted})); console.warn(new TypeError(${quoted}))`;
    const after = `setTimeout(() => { ${prints} }, 1)`;
    const lines = `process.once('SIGUSR2', () => { ${after} })`;
    const program = new Program({
      ...ENVIRONMENT,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(lines)}`,
    });
    await program.ready();
    program.kill('SIGUSR2');
    await expect.poll(() => program.stderr).toContain('TypeError');
    const printed = program.stderr
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(printed).toMatchObject([
      { event: 'library_printed', count: 1 },
      { event: 'library_printed', count: 2, error: 'TypeError' },
    ]);
    expect(program.stdout + program.stderr).not.toContain('Bearer abc');
  });

  it('ends in order also where more signals follow the first', async () => {
    const program = new Program(ENVIRONMENT);
    const address = await program.ready();
    // A body that is sent for ever: the server closes when it is over, or a second later.
    const { request, sent } = openRequest(address);
    await sent;
    program.kill('SIGTERM');
    await expect.poll(() => program.stdout).toContain('shutting_down');
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) program.kill(signal);
    expect(await program.exitCode()).toBe(0);
    expect(program.stdout.match(/shutting_down/g)).toHaveLength(1);
    request.destroy();
  });

  it('S-16: answers a token of 64 KiB itself, with 413', async () => {
    const address = await new Program(ENVIRONMENT).ready();
    const send = (length: number): Promise<Response> =>
      fetch(`${address}/agents`, { headers: { authorization: 'Bearer '.padEnd(length, 'x') } });
    expect((await send(64 * 1024)).status).toBe(413);
    expect((await send(MAX_AUTHORIZATION_BYTES)).status).toBe(401);
  });

  it('S-16: answers a stranger before any of a body arrives, and closes the connection that goes on', async () => {
    const address = await new Program(ENVIRONMENT).ready();
    const socket = connect(Number(new URL(address).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
    const closed = once(socket, 'close');
    socket.write('POST /agents/refresh-tokens HTTP/1.1\r\nhost: control\r\ncontent-length: 2000000\r\n\r\n');
    await expect.poll(() => answer).toContain('401 Unauthorized');
    // The rest is neither waited for nor kept.
    await closed;
  });

  it('logs a sender who goes away in the middle of a body, and writes no error', async () => {
    const key = await newKey('active');
    const program = new Program({ ...ENVIRONMENT, REEVE_ISSUER: TOWN_URL, REEVE_JWKS: JSON.stringify(keySetOf(key)) });
    const address = await program.ready();
    const health = healthSchema.parse(await (await fetch(`${address}/health`)).json());
    const body = 'x'.repeat(100_000);
    const order = { audience: health.boot, container: containerName(1), method: 'PUT', path: '/session', body };
    const token = await signPush(key, { ...order, nowMs: Date.now() });
    const socket = connect(Number(new URL(address).port), '127.0.0.1');
    const head = `PUT /session HTTP/1.1\r\nhost: control\r\nauthorization: Bearer ${token}\r\n`;
    socket.write(`${head}content-length: ${body.length}\r\n\r\n${body.slice(0, 70_000)}`, () => socket.destroy());
    await expect.poll(() => program.stdout).toContain('body_not_received');
    expect(program.stdout).toContain('"why":"aborted"');
    expect(program.stderr).toBe('');
    expect((await fetch(`${address}/health`)).status).toBe(200);
  });

  it('ends with 2 and one line that names the variable, not the value, where the configuration is bad', async () => {
    const program = new Program({ ...ENVIRONMENT, CONTAINER_SECRET: 'hush' });
    expect(await program.exitCode()).toBe(2);
    expect(program.stderr).toBe('reeve container: CONTAINER_SECRET must have at least 16 characters\n');
    expect(program.stdout).toBe('');
  });

  describe.skipIf(process.getuid?.() !== 0)('AGENT_USERS, as root', () => {
    it('is refused with 2 and one line where the control server is not root', async () => {
      const program = new Program({ ...ENVIRONMENT, AGENT_USERS: '20000' }, [], NOT_ROOT);
      expect(await program.exitCode()).toBe(2);
      expect(program.stderr).toBe('reeve container: AGENT_USERS needs a control server that runs as root\n');
      expect(program.stdout).toBe('');
    });

    it('is refused with 2 and one line where its users may not enter the state directory', async () => {
      const closed = mkdtempSync(join(tmpdir(), 'reeve-closed-'));
      try {
        const program = new Program({ ...ENVIRONMENT, AGENT_USERS: '20000', AGENT_STATE_DIR: closed });
        expect(await program.exitCode()).toBe(2);
        const rule = 'AGENT_STATE_DIR must be where all users may enter, with AGENT_USERS';
        expect(program.stderr).toBe(`reeve container: ${rule}\n`);
      } finally {
        rmSync(closed, { recursive: true });
      }
    });

    it('waits at its start for a program that changes the users of the system', async () => {
      const base = mkdtempSync(join(tmpdir(), 'reeve-main-'));
      chmodSync(base, 0o711);
      try {
        const settings = { ...ENVIRONMENT, AGENT_USERS: '20000', AGENT_STATE_DIR: join(base, 'state') };
        const program = await withLock(realpathSync(SYSTEM_ACCOUNTS.passwd), realClock, async () => {
          const started = new Program(settings);
          await expect.poll(() => waitingFilesOf(started.pid)).toHaveLength(1);
          // Longer than between two of its tries.
          await new Promise((resolve) => setTimeout(resolve, 200));
          return started;
        });
        await program.ready();
        program.kill('SIGTERM');
        expect(await program.exitCode()).toBe(0);
        expect(waitingFilesOf(program.pid)).toEqual([]);
      } finally {
        rmSync(base, { recursive: true });
      }
    });

    it('is logged at each start, and a run that ends in order leaves nothing in the state directory', async () => {
      const base = mkdtempSync(join(tmpdir(), 'reeve-main-'));
      chmodSync(base, 0o711);
      try {
        const program = new Program({ ...ENVIRONMENT, AGENT_USERS: '20000', AGENT_STATE_DIR: join(base, 'state') });
        await program.ready();
        expect(program.stdout).toContain('"agent_users":"20000-29999"');
        expect(readdirSync(join(base, 'state'))).toHaveLength(1);
        program.kill('SIGTERM');
        expect(await program.exitCode()).toBe(0);
        expect(readdirSync(join(base, 'state'))).toEqual([]);
      } finally {
        rmSync(base, { recursive: true });
      }
    });
  });

  it('ends with 2 and one line where the state directory cannot be made', async () => {
    const program = new Program({ ...ENVIRONMENT, AGENT_STATE_DIR: join(MAIN, 'state') });
    expect(await program.exitCode()).toBe(2);
    expect(program.stderr).toBe('reeve container: AGENT_STATE_DIR cannot be used: ENOTDIR\n');
  });

  it('ends with 2 and one line where the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const { port } = z.object({ port: z.number() }).parse(address) satisfies Pick<AddressInfo, 'port'>;
    try {
      const program = new Program({ ...ENVIRONMENT, CONTAINER_PORT: String(port) });
      expect(await program.exitCode()).toBe(2);
      expect(program.stderr).toBe(`reeve container: cannot listen on 127.0.0.1:${port}: EADDRINUSE\n`);
    } finally {
      other.close();
    }
  });

  it('--help says what it reads from the environment', async () => {
    const program = new Program({}, ['--help']);
    expect(await program.exitCode()).toBe(0);
    for (const name of ['REEVE_API_URL', 'REEVE_JWKS', 'CONTAINER_PORT', 'CONTAINER_SECRET'])
      expect(program.stdout).toContain(name);
  });

  it('an argument that it does not know ends with 2 and one line', async () => {
    const program = new Program(ENVIRONMENT, ['--verbose']);
    expect(await program.exitCode()).toBe(2);
    expect(program.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('W-19: the timers of a hello that is not answered do not keep it alive', async () => {
    const program = new Program({ ...ENVIRONMENT, CONTAINER_SECRET: 'sixteen-letters!' });
    await program.ready();
    await expect.poll(() => program.stderr).toContain('hello_failed');
    program.kill('SIGTERM');
    expect(await program.exitCode()).toBe(0);
    expect(program.stderr).not.toContain('sixteen-letters!');
  });
});
