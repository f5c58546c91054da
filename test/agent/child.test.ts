import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { Cell } from '../../container/clients/cell.ts';
import { Registry } from '../../container/clients/registry.ts';
import { openCredentialFile } from '../../container/credentials/credential-file.ts';
import { FakeTownApi } from '../container/support/fake-town-api.ts';
import { agentId } from '../support/ids.ts';

/** A town that says whose call it took. */
async function echoTown(): Promise<string> {
  const server = createServer((request, response) => {
    response.end((request.headers.authorization ?? '').replace(/^Bearer /, ''));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

it('W-21, W-02: a child process that was started before a refresh sends the new token in its next call, and its alias holds it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'reeve-child-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const [town, registry] = [new FakeTownApi(() => Date.UTC(2027, 0, 1)), new Registry()];
  const first = town.mint(agentId(1));
  const entry = registry.open(new Cell(first), () => {});
  const { path } = openCredentialFile({ registry, agent: agentId(1), inc: 1, directory, owner: null });
  const child = spawn(process.execPath, [join(import.meta.dirname, 'support/calling-child.ts')], {
    env: { PATH: process.env['PATH'] ?? '', REEVE_TOKEN_FILE: path, REEVE_API_URL: await echoTown() },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const call = async (): Promise<unknown> => {
    child.stdin.write('/v1/agent/peers\n');
    return (await lines.next()).value;
  };
  expect(await call()).toBe(`${first.token} ${first.token}`);
  const second = town.mint(agentId(1));
  entry.swap(second);
  expect(await call()).toBe(`${second.token} ${second.token}`);
  child.stdin.end();
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
});
