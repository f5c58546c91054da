/** A page of another origin that uses `reeve/client`, as a chat frontend of others does; built and served for the tests. */
import { build } from 'esbuild';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script><ul id="said"></ul>';
const SOURCE = `
  import { createClient } from ${JSON.stringify(join(import.meta.dirname, '../../../client/index.ts'))};
  Object.assign(globalThis, { createClient });
`;

/** Answers its origin, and what ends it. */
export async function servePage(): Promise<{ readonly origin: string; readonly close: () => void }> {
  const built = await build({
    stdin: { contents: SOURCE, resolveDir: import.meta.dirname },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  });
  const script = built.outputFiles[0]?.text ?? '';
  const server = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    response.writeHead(200, { 'content-type': isScript ? 'text/javascript' : 'text/html' });
    response.end(isScript ? script : PAGE);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
