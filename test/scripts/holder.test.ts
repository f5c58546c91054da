import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { listenerOn, processName } from '../../scripts/holder.ts';
import { freePort } from '../../scripts/ports.ts';

describe.runIf(process.platform === 'linux')('who holds a port', () => {
  test('is named by process and command, and by nothing where it is free', async () => {
    const port = await freePort();
    expect(listenerOn(port)).toBeNull();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    expect(listenerOn(port)).toBe(processName(process.pid));
    expect(processName(process.pid)).toMatch(new RegExp(`^process ${process.pid} \\(".+"\\)$`));
    server.close();
  });

  test('is a number alone where the system tells no command', () => {
    expect(processName(2 ** 22 + 1)).toBe(`process ${2 ** 22 + 1}`);
  });
});
