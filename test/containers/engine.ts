/** The Docker engine beside which containers of the platform run on this machine. */
import { execFileSync } from 'node:child_process';

/** Address of this machine on the engine's default network: a container does not reach its loopback. */
export const BRIDGE = '172.17.0.1';

/** What wrangler needs to find an engine, and its own images, where these are said. */
export const engine: Readonly<Record<string, string>> = Object.fromEntries(
  ['DOCKER_HOST', 'WRANGLER_DOCKER_BIN', 'WRANGLER_DOCKER_HOST', 'MINIFLARE_CONTAINER_EGRESS_IMAGE'].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  }),
);

/** Lines that the docker command prints. Throws where it fails. */
export function docker(...args: readonly string[]): string[] {
  const text = execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  return text.split('\n').filter((line) => line !== '');
}
