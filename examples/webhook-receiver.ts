/** Receives what a town posts: `WEBHOOK_SECRET=whsec_... PORT=9000 node webhook-receiver.ts`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';

const webhook = new Webhook(process.env['WEBHOOK_SECRET'] ?? '');
// A table with these ids does the same over restarts.
const seen = new Set<string>();

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += String(chunk);
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  try {
    webhook.verify(body, headers);
  } catch {
    response.writeHead(401).end();
    return;
  }
  // Before the work, where it may take long: an answer that comes after ten seconds counts as none.
  response.writeHead(204).end();
  const id = headers['webhook-id'] ?? '';
  if (seen.has(id)) return;
  seen.add(id);
  process.stdout.write(`${body}\n`);
}

const server = createServer((request, response) => void receive(request, response).catch(() => response.destroy()));
server.listen(Number(process.env['PORT'] ?? 9000), '127.0.0.1');
